"""Reading Keras models: their calls, their channels, and how to replay them."""

from kerasprune.graph.channels_last import channels_last
from kerasprune.graph.rebuild import Rebuild, compile_like
from kerasprune.graph.registry import RULES, Rule, find_rule, rule
from kerasprune.graph.replay import clone_operation, replay
from kerasprune.graph.runnable import Runnable, can_run, restored, runnable
from kerasprune.graph.site import Site
from kerasprune.graph.states import fresh_states
from kerasprune.graph.trace import trace
from kerasprune.graph.unroll import unroll, unrolled
from kerasprune.graph.walk import Node, align, functional, is_graph, nodes, operations

__all__ = [
    "RULES",
    "Node",
    "Rebuild",
    "Rule",
    "Runnable",
    "Site",
    "align",
    "can_run",
    "channels_last",
    "clone_operation",
    "compile_like",
    "find_rule",
    "fresh_states",
    "functional",
    "is_graph",
    "nodes",
    "operations",
    "replay",
    "restored",
    "rule",
    "runnable",
    "trace",
    "unroll",
    "unrolled",
]
