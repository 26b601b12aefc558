# Each kernel warns that its sockets are not encrypted; they never leave this computer.
c.IPKernelApp.log_level = "ERROR"  # noqa: F821
