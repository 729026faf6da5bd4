"""Reasons and remedies for errors of the operating system."""

import errno

REMEDIES = {
    errno.ENOSPC: "free disk space",
    errno.EDQUOT: "delete files to stay within your disk quota",
    errno.EFBIG: "raise the file size limit (ulimit -f)",
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.EROFS: "make the file system writable",
    errno.EIO: "check the disk",
    errno.ENXIO: "check that the device is available",
    errno.ENODEV: "check that the device is available",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close other programs: too many files are open on this system",
    errno.ENOMEM: "close other programs to free memory",
    errno.EBUSY: "close the program that uses it",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "check its symbolic links",
    errno.ENOENT: "check that it exists",
    errno.ENOTDIR: "check that every parent in its path is a folder",
    errno.EISDIR: "give a file, not a folder",
    errno.EEXIST: "rename or remove the existing file",
    errno.ESTALE: "check the connection to the file server",
    errno.ETIMEDOUT: "check the connection to the file server",
}
"""Remedies by error number; other errors have a reason only."""


def reason(error: OSError | ValueError) -> str:
    """Return the system's description of an error, or that of a ValueError for an invalid path."""
    return getattr(error, "strerror", None) or str(error)


def remedy(error: OSError | ValueError, otherwise: str = "") -> str:
    """Return the remedy for an error, and the alternative `otherwise`."""
    known = REMEDIES.get(getattr(error, "errno", None) or 0, "")
    return ", or ".join(filter(None, [known, otherwise]))
