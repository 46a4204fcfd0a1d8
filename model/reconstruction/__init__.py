"""From a network's predictions to a jaw: point cloud, mesh, labels."""
