"""Reading Keras models: their calls, their channels, and how to replay them."""

from kerasprune.graph.rebuild import Rebuild, compile_like
from kerasprune.graph.replay import clone_operation, replay
from kerasprune.graph.rule import RULES, Rule, find_rule, rule
from kerasprune.graph.site import Site
from kerasprune.graph.states import fresh_states
from kerasprune.graph.trace import trace
from kerasprune.graph.unroll import unroll, unrolled
from kerasprune.graph.walk import Node, align, functional, is_graph, layers_inside, nodes, operations

__all__ = [
    "RULES",
    "Node",
    "Rebuild",
    "Rule",
    "Site",
    "align",
    "clone_operation",
    "compile_like",
    "find_rule",
    "fresh_states",
    "functional",
    "is_graph",
    "layers_inside",
    "nodes",
    "operations",
    "replay",
    "rule",
    "trace",
    "unroll",
    "unrolled",
]
