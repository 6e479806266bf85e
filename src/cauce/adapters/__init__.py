"""Whatever imports a heavy package; loaded by name through `cauce.kernel.plugins`."""
