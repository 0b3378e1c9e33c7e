"""What `setup.cfg` has no words for: packages that are found, beside two that are installed under another name."""

from setuptools import find_packages, setup

RENAMED = {"cli": "kerasprune_cli", "saved_models": "kerasprune_models"}

setup(
    packages=[
        *find_packages(include=["kerasprune", "kerasprune.*"]),
        *RENAMED.values(),
        *(f"{RENAMED[folder]}.{name}" for folder in RENAMED for name in find_packages(folder)),
    ],
    package_dir={name: folder for folder, name in RENAMED.items()},
)
