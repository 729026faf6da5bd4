"""What the operating system refused, in its own words, and a remedy that fits its reason."""

import errno

REMEDIES = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room: your disk quota is used up",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f)",
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.EROFS: "make the file system writable",
    errno.EIO: "check the disk",
    errno.ENXIO: "check what it is",
    errno.ENODEV: "check what it is",
    errno.EMFILE: "let a process open more files (ulimit -n)",
    errno.ENFILE: "close other programs: too many files are open on this machine",
    errno.ENOMEM: "close other programs: memory is used up",
    errno.EBUSY: "close the program that uses it",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "check its symbolic links",
    errno.ENOENT: "check that it exists",
    errno.ENOTDIR: "check that every folder in its path is one",
    errno.EISDIR: "name a file, not a folder",
    errno.EEXIST: "move what is in its way",
    errno.ESTALE: "check the connection to the file server",
    errno.ETIMEDOUT: "check the connection to the file server",
}
"""Remedies by the number of the error; for any other, the reason has to do."""


def reason(error: OSError | ValueError) -> str:
    """The system's own words; a ValueError is one of a path that cannot be."""
    return getattr(error, "strerror", None) or str(error)


def remedy(error: OSError | ValueError, otherwise: str = "") -> str:
    """What to do about it; where something else can be done `otherwise`, that, too."""
    known = REMEDIES.get(getattr(error, "errno", None) or 0, "")
    return ", or ".join(filter(None, [known, otherwise]))
