"""Operations on points and surfaces: nearest neighbours, camera projection, meshing."""
