"""The verbs, one room a capability; rooms meet in the kernel, never import each other."""
