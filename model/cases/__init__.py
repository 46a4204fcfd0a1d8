"""The cases that a network is shown: views, cameras and ground truth of one jaw each."""
