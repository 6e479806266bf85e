"""How people and programs reach the operations: command line, HTTP, client, pages."""
