"""Whose an output is: what other accounts lay in its way is not followed, replaced or given it."""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from anglewise.errors import FileError

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def our_accounts() -> set[int]:
    """The user's own account and root's, and below ``sudo`` the one that called it.

    Root may do anything anyway, and so may in effect whoever calls it.
    """
    me = os.geteuid()
    caller = os.environ.get("SUDO_UID", "")
    return {0, me, *([int(caller)] if me == 0 and caller.isdecimal() else [])}


def is_closed(folder: os.stat_result) -> bool:
    """Whether nobody but our accounts can lay, rename or remove something in a folder.

    The folder may be root's by another number, as in a sandbox that does not show root's own: by
    that to which the root of the disk belongs.
    """
    owners = our_accounts() | {Path("/").stat().st_uid}
    return folder.st_uid in owners and not folder.st_mode & OTHERS_WRITE


def check_inside(path: Path, folder: Path) -> None:
    """Raise ``FileError`` for a file of a folder that lies elsewhere: a link may lead anywhere.

    What a stranger's folder links to would be sent to a server, kept in a space, and handed on.
    """
    if not path.resolve().is_relative_to(folder.resolve()):
        raise FileError(
            f"{path} is a link that leads out of {folder}, to {path.resolve()}: copy the file into "
            "the folder if it belongs there, or take the link away"
        )


def check_whose_link(link: Path) -> None:
    """Raise ``FileError`` for a link of another account where that account could put it."""
    if link.lstat().st_uid in our_accounts() or is_closed(link.parent.stat()):
        return
    raise FileError(
        f"{link} is a link of another account in a folder that others may write to: name the place "
        "to which it leads, or choose another"
    )


def check_whose_store(store: Path) -> None:
    """Raise ``FileError`` for a store that nobody named, laid by another account.

    Judgements would go into that account's file, and its grades would count.
    """
    if os.name == "nt" or not store.exists():
        return
    if store.stat().st_uid in our_accounts() or is_closed(store.parent.stat()):
        return
    if store.stat().st_uid == store.parent.stat().st_uid:
        return  # the folder is that account's, and so is what lies in it
    raise FileError(
        f"{store} belongs to another account, in a folder that others may write to: name it, if it "
        "is meant (--store), or another one"
    )


def check_whose(*paths: Path) -> None:
    """Raise ``FileError`` for what another account laid where everybody may lay something.

    It would take the mode and the owner of what is written there, and with them what it says. The
    owner of a folder may lay what he wants in it, as by Linux's own rule (``protected_regular``).
    """
    if os.name == "nt":
        return
    for path in paths:
        try:
            status, around = path.lstat(), path.parent.stat()
        except FileNotFoundError:
            continue
        _check_whose(path, status, around)


def _check_whose(path: Path, status: os.stat_result, around: os.stat_result) -> None:
    anybody = around.st_mode & stat.S_IWOTH or (
        around.st_mode & stat.S_ISVTX and around.st_mode & stat.S_IWGRP
    )
    if anybody and not _is_its_owners(status, around):
        raise FileError(
            f"{path} belongs to another account (number {status.st_uid}) in a folder where others "
            "may write, so that it could have been laid there to get what is written: choose "
            "another name, or remove it first"
        )


def _is_its_owners(status: os.stat_result, around: os.stat_result) -> bool:
    """Whether it is ours, or of the account that owns the folder in which it lies."""
    return status.st_uid in our_accounts() | {around.st_uid}


def keep_mode(target: Path, handle: int) -> None:
    """Let those read and write a new file or folder who may do so with what it replaces.

    It goes by the open ``handle``: under the name of a new file another account may put a link
    meanwhile. What another account could lay passes on no group but the folder's, and lets
    nobody in besides those who get into any new file. Raises ``FileError`` as ``check_whose``.
    """
    replaced = _replaced(target)
    if replaced is None:
        return
    status, around = replaced
    now, mode = os.fstat(handle), stat.S_IMODE(status.st_mode)
    passed_on = _passes_on(status, around)
    if status.st_gid != now.st_gid and (passed_on or status.st_gid == around.st_gid):
        with suppress(OSError):
            os.fchown(handle, -1, status.st_gid)
    if not passed_on:
        mode &= stat.S_IMODE(now.st_mode) | ~stat.S_IRWXO
    shared = stat.S_ISGID if stat.S_ISDIR(now.st_mode) else 0  # what is made in it is the group's
    os.fchmod(handle, mode & (0o777 | shared))


def keep_owner(target: Path, handle: int) -> None:
    """Leave what is written to the owner of what it replaces, where the system lets us (as root).

    Not to another account that could lay it there: it would get what was not meant for it.
    """
    replaced = _replaced(target)
    if replaced is None:
        return
    status = replaced[0]
    if status.st_uid != os.fstat(handle).st_uid and _passes_on(*replaced):
        with suppress(OSError):
            os.fchown(handle, status.st_uid, -1)


def _replaced(target: Path) -> tuple[os.stat_result, os.stat_result] | None:
    """The state of what is replaced and of the folder around it; a link that came is not it."""
    if os.name == "nt":
        return None
    try:
        status, around = target.lstat(), target.parent.stat()
    except FileNotFoundError:
        return None
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return None
    _check_whose(target, status, around)
    return status, around


def _passes_on(status: os.stat_result, around: os.stat_result) -> bool:
    return is_closed(around) or _is_its_owners(status, around)


STRANGE = "something else than what was written came in its place: choose another folder"


def keep_modes(target: Path, folder: int) -> None:
    """Give all in an open folder, and itself, the modes and owners of what it replaces.

    Raises ``FileError`` where a link, or else something that is no file or folder, stands in it.
    """
    for inside, folders, files, around in os.fwalk(".", topdown=False, dir_fd=folder):
        _keep_modes(target / inside, [*folders, *files], around)


def _keep_modes(target: Path, names: Iterable[str], around: int) -> None:
    for name in names:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            handle = os.open(name, flags, dir_fd=around)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise FileError(
                f"{target / name}: a link came between: choose another folder"
            ) from None
        try:
            mode = os.fstat(handle).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise FileError(f"{target / name}: {STRANGE}")
            if stat.S_ISREG(mode):
                keep_mode(target / name, handle)
                keep_owner(target / name, handle)
        finally:
            os.close(handle)
    keep_mode(target, around)
    keep_owner(target, around)
