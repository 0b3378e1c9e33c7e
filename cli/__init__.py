"""The `kerasprune` command: it parses, calls the library and prints; every decision is the library's."""
