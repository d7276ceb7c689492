"""Set up, run, test and check cronfleet with nothing but Python 3.11 or newer.

The standard library only, in a syntax that Python 3.6 can still read: whoever starts this with
an old Python gets a sentence, not a traceback.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - it is here for those who start the wrong Python
    sys.exit(
        "dev.py needs Python 3.11 or newer, and this is {}.{}: start it with a newer one, as in "
        "`python3.12 dev.py run`.".format(*sys.version_info)
    )

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable, Generator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
STAMP = VENV / ".stamp"
# The Python itself, since `sys.executable` may stand in the very .venv that is to be removed.
INTERPRETER = os.path.realpath(sys.executable)
# What tests want from outside Python: Debian's package, and the programs any of which will do.
# redis-tools has the server's binary, and no daemon that starts with the machine; so have MariaDB's
# two. pgbouncer's and the servers' lie where only root's PATH looks.
PROGRAMS = {
    "redis-tools": ("redis-server", "redis-check-rdb"),
    "pgbouncer": ("pgbouncer", "/usr/sbin/pgbouncer"),
    "mariadb-server-core": ("mariadbd", "/usr/sbin/mariadbd"),
    "mariadb-client-core": ("my_print_defaults",),
    "slapd": ("slapd", "/usr/sbin/slapd"),
    "faketime": ("faketime",),
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
}
# Else slapd's package would make a directory, and have it served from then on.
NO_DAEMON = "echo slapd slapd/no_configuration boolean true | debconf-set-selections"
# Modules without input and output; their own tests must take every branch of them. Only these are
# traced: the others say nothing of these modules, and would take a half longer.
PURE = ("cron/*", "engine/choice.py", "model.py", "policy.py", "promise/*", "schedule.py")
OF_PURE = tuple(
    f"tests/unit/{name}"
    for name in (
        "cron",
        "engine/test_choice.py",
        "engine/test_choice_of_shards.py",
        "engine/test_order_of_claims.py",
        "promise",
        "test_model.py",
        "test_policy.py",
        "test_schedule.py",
    )
)
# Tests that run at the same time as all others: these wait for servers and processes, those compute.
BESIDE = (("tests/stores",), ("tests/fleet",), ("tests/chaos", "tests/apps"))
PATIENCE_S = 5


def say(text: str) -> None:
    print(text, flush=True)


def run(*command: str | Path, quiet: bool = False) -> int:
    """The exit status of a command; what a quiet one prints matters only if it fails."""
    done = subprocess.run(
        command, cwd=ROOT, check=False, capture_output=quiet, text=True, close_fds=False
    )
    if quiet and done.returncode != 0:
        say(done.stdout + done.stderr)
    return done.returncode


def must(*command: str | Path) -> None:
    if run(*command) != 0:
        sys.exit("dev.py: this failed: {}".format(" ".join(map(str, command))))


def become(*command: str | Path) -> int:
    os.chdir(ROOT)
    os.execv(command[0], list(map(str, command)))


# --- .venv -------------------------------------------------------------------------------------


def prepare(kind: str) -> None:
    """Make .venv hold what requirements/<kind>.txt says, in no time when it does already.

    An install that was cut short leaves no stamp, and what has no stamp is made anew.
    """
    with alone():
        if read_stamp() in acceptable_stamps(kind):
            return
        if not is_sound():
            make_venv()
        STAMP.unlink(missing_ok=True)
        install(kind)
        STAMP.write_text(stamp(kind))


@contextlib.contextmanager
def alone() -> Generator[None]:
    """Let one dev.py in a folder touch .venv at a time.

    What it starts holds the lock too, so that an installer whose dev.py was killed is waited for.
    """
    with (ROOT / ".dev.lock").open("a") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another dev.py, which prepares .venv")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def acceptable_stamps(kind: str) -> set[str]:
    return {stamp(kind), stamp("dev")}  # dev has all that run has


def stamp(kind: str) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = (ROOT / "requirements" / f"{kind}.txt").read_text()
    digest = hashlib.sha256((repr(project) + requirements).encode()).hexdigest()
    return f"{foundation()} {kind} {digest}"


def foundation() -> str:
    """What a .venv cannot outlive: its Python, though not a bug fix of it, and its place."""
    facts = f"{sys.implementation.cache_tag} {INTERPRETER} {ROOT}"
    return hashlib.sha256(facts.encode()).hexdigest()


def read_stamp() -> str:
    return STAMP.read_text() if STAMP.exists() else ""


def is_sound() -> bool:
    can_install = shutil.which("uv") or (BIN / "pip").exists()
    return bool(can_install) and read_stamp().startswith(foundation())


def make_venv() -> None:
    uv = shutil.which("uv")
    if uv is None:
        need_ensurepip()
    if VENV.exists():
        say("Removing .venv: it is incomplete, or was made for another Python or folder")
        shutil.rmtree(VENV)
    say(f"Making .venv with Python {platform.python_version()}")
    if uv is None:
        must(INTERPRETER, "-m", "venv", VENV)
    else:
        # Named, and with downloads off: uv would fetch another Python, or wait for a network.
        must(uv, "venv", "-q", "--no-python-downloads", "--python", INTERPRETER, VENV)


def install(kind: str) -> None:
    uv = shutil.which("uv")
    pip = [BIN / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    if uv is not None:
        os.environ.setdefault("UV_SYSTEM_CERTS", "true")  # the certificates that pip trusts
        pip = [uv, "pip", "install", "-q", "--python", BIN / "python"]
    say(f"Installing requirements/{kind}.txt")
    must(*pip, "--require-hashes", "-r", ROOT / "requirements" / f"{kind}.txt")
    must(*pip, "--no-deps", "--no-build-isolation", "-e", ROOT)


# --- Debian ------------------------------------------------------------------------------------


def need_ensurepip() -> None:
    """Stop before `python -m venv` does, which would leave half a folder behind."""
    package = "python{}.{}-venv".format(*sys.version_info)
    if has_ensurepip() or (apt_install(package) and has_ensurepip()):
        return
    sys.exit(f"This Python cannot make a .venv; first type: sudo apt-get install {package}")


def has_ensurepip() -> bool:
    importlib.invalidate_caches()  # apt-get may have brought it a second ago
    return importlib.util.find_spec("ensurepip") is not None


def apt_install(*packages: str) -> bool:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    say("Installing {} by apt-get".format(" ".join(packages)))
    apt = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
    run(*apt, "update", quiet=True)
    return run(*apt, "install", "-y", "--no-install-recommends", *packages, quiet=True) == 0


def offer_programs() -> None:
    missing = [name for name, any_of in PROGRAMS.items() if not any(map(shutil.which, any_of))]
    if "slapd" in missing and os.geteuid() == 0 and shutil.which("debconf-set-selections"):
        run("sh", "-c", NO_DAEMON, quiet=True)
    if missing and not apt_install(*missing):
        packages = " ".join(missing)
        say(f"Tests that need them do not run without: sudo apt-get install {packages}")


# --- Commands ----------------------------------------------------------------------------------


def setup(_arguments: list[str]) -> int:
    """Make .venv with all that developers need."""
    prepare("dev")
    say("Ready: python3 dev.py run | test | check")
    return 0


def start(arguments: list[str]) -> int:
    """Start an instance; what follows is passed to `cronfleet run`."""
    prepare("run")
    return become(BIN / "cronfleet", "run", *arguments)


def test(arguments: list[str]) -> int:
    """Run models, tests and the coverage gate; or, with arguments, only pytest with these."""
    prepare("dev")
    offer_programs()
    pytest = (BIN / "python", "-m", "pytest")
    if arguments:
        return become(*pytest, *arguments)
    others = [f"--ignore={path}" for path in (*OF_PURE, *sum(BESIDE, ()), "tests/browser")]
    pure = ",".join(f"src/cronfleet/{name}" for name in PURE)
    gate = (BIN / "coverage", "report", f"--include={pure}", "--fail-under=100")
    os.environ.setdefault("CRONFLEET_TEST_SEEDS_S", "120")
    with contextlib.ExitStack() as running:
        beside = [running.enter_context(Beside(*pytest, *folders)) for folders in BESIDE]
        passed = [
            step("the models, in small bounds", INTERPRETER, "models/run.py", "--small"),
            run(BIN / "coverage", "run", "-m", "pytest", *OF_PURE) == 0,
            step("all branches of the pure modules", *gate),
            run(*pytest, *others) == 0,
            # One browser serves all of these, on an event loop that lasts; the others have a fresh
            # one each, some in virtual time, and would be put onto that loop beside it.
            run(*pytest, "tests/browser") == 0,
            *[each.passed() for each in beside],
        ]
    return 0 if all(passed) else 1


def check(_arguments: list[str]) -> int:
    """Lint, format, types, layers, spelling: each one, even if one before it failed."""
    prepare("dev")
    os.environ["PATH"] = f"{BIN}:{os.environ['PATH']}"  # where --verifytypes finds our Python
    public = ("--ignoreexternal", "--verifytypes")
    passed = [
        step("lint", BIN / "ruff", "check", "-q"),
        step("format", BIN / "ruff", "format", "--check", "-q"),
        step("types", BIN / "basedpyright"),
        step("types of the public names", BIN / "basedpyright", *public, "cronfleet"),
        step("types of the checker's", BIN / "basedpyright", *public, "cronfleet_verify"),
        step("layers", BIN / "lint-imports"),
        step("spelling", BIN / "codespell"),
    ]
    say(f"{sum(passed)} of {len(passed)} checks passed")
    return 0 if all(passed) else 1


class Beside:
    """A command that runs at the same time, and not for longer than its `with`.

    What it prints is kept until it has ended and `passed` is asked, so that nothing is mixed up.
    """

    def __init__(self, *command: str | Path) -> None:
        self._command = command

    def __enter__(self) -> "Beside":
        self._said = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdout=self._said, stderr=subprocess.STDOUT
        )
        return self

    def passed(self) -> bool:
        if self._process.poll() is None:
            say("Waiting for: {}".format(" ".join(map(str, self._command))))
        status = self._process.wait()
        self._said.seek(0)
        say(self._said.read().decode(errors="replace"))
        return status == 0

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE_S)  # The Ctrl-C of a terminal was for it too.
        self._process.kill()
        self._process.wait()
        self._said.close()


def step(name: str, *command: str | Path) -> bool:
    began = time.monotonic()
    passed = run(*command, quiet=True) == 0
    say(f"{'ok    ' if passed else 'FAILED'} {name} ({time.monotonic() - began:.1f} s)")
    return passed


def bench(arguments: list[str]) -> int:
    """Run the benchmarks, or the named ones: --small, --rounds N, --result; or `rivals`."""
    prepare("dev")
    offer_programs()
    return become(BIN / "python", "-m", "benchmarks", *arguments)


def models(arguments: list[str]) -> int:
    """Explore the protocol's state models in full bounds."""
    return become(INTERPRETER, "models/run.py", *arguments)


def simulate(arguments: list[str]) -> int:
    """Live through simulated faults: --seed N, --seeds A:B --minutes M, --faults FILE."""
    prepare("dev")
    return become(BIN / "python", "-m", "tests.simulation", *arguments)


def takeover(arguments: list[str]) -> int:
    """Kill instances, and measure how soon others take over: --kills N --store STORE."""
    prepare("dev")
    offer_programs()
    return become(BIN / "python", "-m", "tests.chaos.takeover", *arguments)


def chaos(arguments: list[str]) -> int:
    """Strike a fleet of real processes: --minutes M --store sqlite|redis|postgres|valkey-sentinel."""
    prepare("dev")
    offer_programs()
    return become(BIN / "python", "-m", "tests.chaos", *arguments)


def mutants(arguments: list[str]) -> int:
    """Plant faults in the product, and have them found: --only TEXT, --result."""
    prepare("dev")
    offer_programs()
    return become(BIN / "python", "-m", "tests.mutants", *arguments)


def figures(_arguments: list[str]) -> int:
    """Write the pages' figures anew from docs/results."""
    prepare("dev")
    made = ("tests.docs.figures", "tests.docs.mutant_table")
    measured = ("benchmarks.rivals.tables", "benchmarks.measuring.keeping")
    return max(run(BIN / "python", "-m", module) for module in (*made, *measured))


def lock(arguments: list[str]) -> int:
    """Write requirements/ anew from pyproject.toml (needs uv; takes --upgrade)."""
    uv = shutil.which("uv") or sys.exit("dev.py lock needs uv")
    options = "-q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate"
    compiler = [uv, "pip", "compile", *options.split(), "--no-emit-index-url", *arguments]
    run_txt, dev_txt = "requirements/run.txt", "requirements/dev.txt"
    must(*compiler, "pyproject.toml", "--extra", "all", "--group", "build", "-o", run_txt)
    must(
        *compiler, "pyproject.toml", "--all-extras", "--group", "dev", "-c", run_txt, "-o", dev_txt
    )
    for wanted in sorted((ROOT / "requirements" / "rivals").glob("*.in")):
        must(*compiler, wanted, "-o", wanted.with_suffix(".txt"))
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "setup": setup,
    "run": start,
    "test": test,
    "check": check,
    "bench": bench,
    "models": models,
    "simulate": simulate,
    "takeover": takeover,
    "chaos": chaos,
    "mutants": mutants,
    "figures": figures,
    "lock": lock,
}


def main(arguments: list[str]) -> int:
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        lines = [f"  {name:8} {command.__doc__}" for name, command in COMMANDS.items()]
        say("usage: python3 dev.py COMMAND [ARGUMENTS]\n" + "\n".join(lines))
        return 0 if arguments[:1] in (["help"], ["-h"], ["--help"]) else 2
    try:
        return command(arguments[1:])
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        sys.exit(f"dev.py: {error}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
