"""What is known of Go itself and its standard library: only what types of ours flow through."""

from __future__ import annotations

from collections.abc import Sequence

from agentos_memory.resolution.golang.types import (
    UNKNOWN,
    Callee,
    External,
    Function,
    Named,
    SliceOf,
    Type,
)

BUILTINS = frozenset({
    "append", "cap", "clear", "close", "complex", "copy", "delete", "imag", "len", "make", "max",
    "min", "new", "panic", "print", "println", "real", "recover",
})  # fmt: skip
SAME_AS_FIRST = frozenset({
    "slices.Clip", "slices.Clone", "slices.Compact", "slices.CompactFunc", "slices.Concat",
    "slices.Delete", "slices.DeleteFunc", "slices.Grow", "slices.Insert", "slices.Replace",
    "maps.Clone",
})  # fmt: skip
ELEMENT_OF_FIRST = frozenset({"slices.Max", "slices.MaxFunc", "slices.Min", "slices.MinFunc"})
# Methods of generic types that give a value of a type argument, with the argument's position.
ARGUMENT_GIVEN_BY = {
    "google.golang.org/grpc.BidiStreamingClient.Recv": 1,
    "google.golang.org/grpc.BidiStreamingServer.Recv": 0,
    "google.golang.org/grpc.ClientStreamingClient.CloseAndRecv": 1,
    "google.golang.org/grpc.ClientStreamingServer.Recv": 0,
    "google.golang.org/grpc.ServerStreamingClient.Recv": 0,
    "sync/atomic.Pointer.Load": 0,
    "sync/atomic.Pointer.Swap": 0,
}
# Methods of the library's types that repositories embed in their own interfaces and structs.
METHODS_OF: dict[str, tuple[str, ...]] = {
    "bytes.Buffer": (
        "Bytes", "Len", "Read", "ReadFrom", "String", "Write", "WriteString", "WriteTo",
    ),
    "context.Context": ("Deadline", "Done", "Err", "Value"),
    "encoding.TextMarshaler": ("MarshalText",),
    "encoding/json.Marshaler": ("MarshalJSON",),
    "error": ("Error",),
    "flag.Value": ("Set", "String"),
    "fmt.Stringer": ("String",),
    "io.Closer": ("Close",),
    "io.ReadCloser": ("Read", "Close"),
    "io.ReadWriteCloser": ("Read", "Write", "Close"),
    "io.ReadWriter": ("Read", "Write"),
    "io.Reader": ("Read",),
    "io.ReaderFrom": ("ReadFrom",),
    "io.WriteCloser": ("Write", "Close"),
    "io.Writer": ("Write",),
    "io.WriterTo": ("WriteTo",),
    "net.Conn": ("Close", "Read", "Write"),
    "net.Error": ("Error", "Temporary", "Timeout"),
    "net.Listener": ("Accept", "Addr", "Close"),
    "net/http.Flusher": ("Flush",),
    "net/http.Handler": ("ServeHTTP",),
    "net/http.Hijacker": ("Hijack",),
    "net/http.Pusher": ("Push",),
    "net/http.ResponseWriter": ("Header", "Write", "WriteHeader"),
    "os.File": ("Close", "Name", "Read", "Seek", "Sync", "Write", "WriteString"),
    "sort.Interface": ("Len", "Less", "Swap"),
    "strings.Builder": ("Len", "String", "Write", "WriteString"),
    "sync.Locker": ("Lock", "Unlock"),
    "sync.Mutex": ("Lock", "Unlock"),
    "sync.RWMutex": ("Lock", "RLock", "RUnlock", "Unlock"),
    **dict.fromkeys(("testing.B", "testing.T", "testing.TB"), (
        "Cleanup", "Error", "Errorf", "Fail", "FailNow", "Failed", "Fatal", "Fatalf", "Helper",
        "Log", "Logf", "Name", "Setenv", "Skip", "SkipNow", "Skipf", "Skipped", "TempDir",
    )),
}  # fmt: skip
# How many parameters and results these methods have.
ARITIES: dict[str, tuple[int, int]] = {
    "Accept": (0, 2), "Addr": (0, 1), "Close": (0, 1), "Deadline": (0, 2), "Done": (0, 1),
    "Err": (0, 1), "Error": (0, 1), "Flush": (0, 0), "Header": (0, 1), "Hijack": (0, 3),
    "Len": (0, 1), "Less": (2, 1), "Lock": (0, 0), "MarshalJSON": (0, 2), "MarshalText": (0, 2),
    "Push": (2, 1), "Read": (1, 2), "ReadFrom": (1, 2), "ServeHTTP": (2, 0), "Set": (1, 1),
    "String": (0, 1), "Swap": (2, 0), "Temporary": (0, 1), "Timeout": (0, 1), "Unlock": (0, 0),
    "Value": (1, 1), "Write": (1, 2), "WriteHeader": (1, 0), "WriteTo": (1, 2),
}  # fmt: skip


def result_of_standard(name: str, given: tuple[Type, ...], arguments: Sequence[Type]) -> Type:
    """What a call of something outside gives; only generic functions can give types of ours."""
    short = name.removeprefix("golang.org/x/exp/")
    if short in SAME_AS_FIRST and arguments:
        return arguments[0]
    if short in ELEMENT_OF_FIRST and arguments:
        first = arguments[0]
        return first.element if isinstance(first, SliceOf) else UNKNOWN
    position = ARGUMENT_GIVEN_BY.get(short)
    if position is not None and position < len(given):
        return given[position]
    if short.startswith("sync.OnceValue") and arguments:
        once = arguments[0].type if isinstance(arguments[0], Callee) else arguments[0]
        return once if isinstance(once, Function) else UNKNOWN
    if any(isinstance(each, Named) for each in given):
        # A generic container of ours may give back what it holds.
        return UNKNOWN
    return External(f"{name}()")
