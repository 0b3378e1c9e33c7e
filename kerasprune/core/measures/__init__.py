"""The measures, each in a file of its name: the first line of that file is the help of its option."""

import importlib
import pkgutil

for _file in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_file.name}")
