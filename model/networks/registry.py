"""The networks by their kind."""

from model.networks.base import JawNetwork
from model.networks.cloud import CloudNetwork
from model.networks.field import FieldNetwork

NETWORKS: dict[str, type[JawNetwork]] = {network.kind: network for network in (CloudNetwork, FieldNetwork)}
