"""The layers and operations that `channels_last` computes in either layout; importing this registers them all."""

from kerasprune.core import import_modules

import_modules(__name__)
