"""What each kind of layer does to channels: one file per behaviour; importing this package registers them all."""

from kerasprune.core import import_modules

import_modules(__name__)
