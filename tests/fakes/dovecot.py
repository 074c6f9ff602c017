"""A real IMAP server for tests: Debian's dovecot (`apt-get install dovecot-imapd`) on a free loopback port.

It runs in the foreground with a configuration, mails and sockets in a folder of its own, as whoever runs the
tests; nothing of the machine's own dovecot is read or written.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from imapclient import IMAPClient

USER, PASSWORD = "invoices@example.com", "a secret, of words"

_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
{ssl}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
first_valid_uid = 0
first_valid_gid = 0
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
mail_location = maildir:{folder}/mail/%u
mail_max_userip_connections = 50
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = {is_tls}
  }}
}}
service auth {{
  chroot =
  unix_listener auth-userdb {{
    mode = 0600
    user = {internal}
  }}
}}
service stats {{
  chroot =
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
}}
"""


def why_not() -> str:
    """Why there is no dovecot here, "" where there is one."""
    return "" if _program() else "dovecot is not installed (apt-get install dovecot-imapd)"


def _program() -> str | None:
    return shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/sbin")


class Dovecot:
    """Use it as a context manager. `separator`, `prefix`: how folders are named.

    `tls`: a certificate and its key, with which it also listens on `tls_port` and offers STARTTLS.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        separator: str = "/",
        prefix: str = "",
        tls: tuple[Path, Path] | None = None,
        password: str = PASSWORD,
    ) -> None:
        self._folder = Path(
            tempfile.mkdtemp(prefix="dovecot-", dir="/tmp")
        )  # paths of sockets have to be short
        self.port = port or _free_port()
        self.tls_port = _free_port() if tls else 0
        self._process: subprocess.Popen[bytes] | None = None
        # Root starts it as its package does: what strangers talk to has an account of its own.
        is_root = os.geteuid() == 0
        internal = pwd.getpwnam("dovecot") if is_root else pwd.getpwuid(os.getuid())
        self._folder.chmod(0o755)
        (self._folder / "users").write_text(f"{USER}:{{PLAIN}}{password}\n", "utf-8")
        self._password = password
        for name in ("run", "state", "mail"):
            (self._folder / name).mkdir()
            os.chown(self._folder / name, internal.pw_uid, internal.pw_gid)
        text = _CONFIGURATION.format(
            folder=self._folder,
            internal=internal.pw_name,
            login="dovenull" if is_root else internal.pw_name,
            group=grp.getgrgid(internal.pw_gid).gr_name,
            uid=internal.pw_uid,
            gid=internal.pw_gid,
            port=self.port,
            separator=separator,
            prefix=prefix,
            tls_port=self.tls_port,
            is_tls="yes" if tls else "no",
            ssl=f"ssl = yes\nssl_cert = <{tls[0]}\nssl_key = <{tls[1]}" if tls else "ssl = no",
        )
        self._configuration = self._folder / "dovecot.conf"
        self._configuration.write_text(text)

    def __enter__(self) -> Dovecot:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = _program()
        assert program
        log = (self._folder / "output").open("wb")
        self._process = subprocess.Popen(
            [program, "-F", "-c", str(self._configuration)],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as one:
                    if one.recv(10).startswith(b"* OK"):
                        return
            except OSError:
                pass
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"dovecot does not start: {self.said()}")

    def stop(self) -> None:
        """End it at once, with all its processes and connections."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)
            self._process = None

    def said(self) -> str:
        """What it wrote to its log and its output."""
        return "".join(
            path.read_text("utf-8", "replace")
            for name in ("log", "output")
            if (path := self._folder / name).exists()
        )

    def client(self) -> IMAPClient:
        """A client that is signed in, for what tests put there and look at."""
        client = IMAPClient("127.0.0.1", self.port, ssl=False)
        client.plain_login(USER, self._password)
        return client

    def put(self, raw: bytes, folder: str = "INBOX") -> None:
        """A mail comes in."""
        client = self.client()
        try:
            client.append(folder, raw)
        finally:
            client.logout()

    def count(self, folder: str) -> int:
        """How many mails are in a folder; 0 where there is none."""
        client = self.client()
        try:
            if not client.folder_exists(folder):
                return 0
            return client.folder_status(folder, ["MESSAGES"])[b"MESSAGES"]
        finally:
            client.logout()

    def renumber(self) -> None:
        """Lose all numbers of the inbox: dovecot makes new ones, with another UIDVALIDITY."""
        self.stop()
        for path in (self._folder / "mail").rglob("dovecot*"):
            if path.is_file():
                path.unlink()
        time.sleep(1.1)  # the validity is the time, in seconds
        self.start()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
