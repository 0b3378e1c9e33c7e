"""The measures, each in a file of its name: the first line of that file is the help of its option."""

from kerasprune.core.registry import import_modules

import_modules(__name__)
