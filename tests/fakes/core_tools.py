"""What matters of Core Tools for whoever starts and ends them: run as `func start --port N`.

It starts two workers, answers the health check, ignores SIGTERM, and on SIGINT ends its workers and then
itself. A worker that dies before that costs an instance, as on the real host. It writes to standard output
what happens. With the variable STUBBORN it ignores SIGINT as well.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


def main(arguments: list[str]) -> int:
    """Serve until SIGINT."""
    # Before this process ignores anything: a signal that is ignored stays so in who is started then.
    workers = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(2)]
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN if os.environ.get("STUBBORN") else lambda *_: stopping.set())
    print("workers", *(worker.pid for worker in workers), flush=True)
    server = HTTPServer(("127.0.0.1", int(arguments[arguments.index("--port") + 1])), _Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while not stopping.wait(0.01):
        for worker in [one for one in workers if one.poll() is not None]:
            print(f"an instance failed: python exited with code {worker.returncode}", flush=True)
            workers.remove(worker)
    time.sleep(0.2)  # what it takes to drain what is at work
    for worker in workers:
        worker.kill()
        worker.wait()
    print("stopped", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
