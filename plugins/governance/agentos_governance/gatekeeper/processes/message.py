"""The messages between a server and the process from which its processes of checks are forked.

Above: template, forking. Below: nothing; the server loads no check for it.
"""

import struct

MESSAGE = struct.Struct(">q")
"""To it: with a descriptor, whether a fork starts programs; without one, the id of a fork that has
ended. From it: 0 once it is ready, then the id of each fork."""
