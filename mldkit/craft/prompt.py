"""For a Scapy prompt: `from mldkit.craft.prompt import *` exports the layers and binds them.

Next to the layers come the headers that carry them, `build` and `to_model` for values of
`mldkit.model`, and `unbind` to give IGMP and MLD back to Scapy's own layers.
"""

from scapy.layers.inet import IP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop, PadN, RouterAlert
from scapy.layers.l2 import Dot1Q, Ether

from mldkit.craft.binding import bind, unbind
from mldkit.craft.build import build, frame_bytes
from mldkit.craft.convert import parse, to_model
from mldkit.craft.layers_igmp import (
    IGMPMessage,
    IGMPQuery,
    IGMPRouterAdvertisement,
    IGMPRouterSolicitation,
    IGMPRouterTermination,
    IGMPv1Query,
    IGMPv1Report,
    IGMPv2Leave,
    IGMPv2Query,
    IGMPv2Report,
    IGMPv3Query,
    IGMPv3Report,
)
from mldkit.craft.layers_mld import (
    MLDHopByHop,
    MLDMessage,
    MLDQuery,
    MLDRouterAdvertisement,
    MLDRouterSolicitation,
    MLDRouterTermination,
    MLDv1Done,
    MLDv1Query,
    MLDv1Report,
    MLDv2Query,
    MLDv2Report,
)
from mldkit.craft.message import Extension, IGMPv3Record, MLDv2Record

__all__ = [
    "IP",
    "Dot1Q",
    "Ether",
    "Extension",
    "IGMPMessage",
    "IGMPQuery",
    "IGMPRouterAdvertisement",
    "IGMPRouterSolicitation",
    "IGMPRouterTermination",
    "IGMPv1Query",
    "IGMPv1Report",
    "IGMPv2Leave",
    "IGMPv2Query",
    "IGMPv2Report",
    "IGMPv3Query",
    "IGMPv3Record",
    "IGMPv3Report",
    "IPOption_Router_Alert",
    "IPv6",
    "IPv6ExtHdrHopByHop",
    "MLDHopByHop",
    "MLDMessage",
    "MLDQuery",
    "MLDRouterAdvertisement",
    "MLDRouterSolicitation",
    "MLDRouterTermination",
    "MLDv1Done",
    "MLDv1Query",
    "MLDv1Report",
    "MLDv2Query",
    "MLDv2Record",
    "MLDv2Report",
    "PadN",
    "RouterAlert",
    "bind",
    "build",
    "frame_bytes",
    "parse",
    "to_model",
    "unbind",
]

bind()
