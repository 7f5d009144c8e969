"""The command line: every command by name, and the one place where an error becomes a message and an exit status."""

from __future__ import annotations

import errno
import sys

import typer
from typer.exceptions import TyperException

from underway.commands import (
    approve,
    doctor,
    drain,
    pause,
    plan,
    rbac,
    rehearse,
    report,
    restore,
    resume,
    rollout,
    run,
    schema,
    snapshot,
    status,
    uncordon,
    validate,
    version,
)
from underway.errors import ExitStatus, UnderwayError

app = typer.Typer(
    name="underway",
    help="Maintenance on Kubernetes without downtime.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(validate.validate)
app.command()(plan.plan)
app.command()(rehearse.rehearse)
app.command()(run.run)
app.command()(drain.drain)
app.command()(uncordon.uncordon)
app.command()(rollout.rollout)
app.command()(approve.approve)
app.command()(restore.restore)
app.command()(status.status)
app.command()(pause.pause)
app.command()(resume.resume)
app.command()(report.report)
app.command()(doctor.doctor)
app.command()(snapshot.snapshot)
app.command()(schema.schema)
app.command()(rbac.rbac)
app.command()(version.version)


def answer() -> int:
    """Run the command line; returns the exit status. What was printed has been handed over by then."""
    try:
        status = _answered()
        sys.stdout.flush()
    except BrokenPipeError:
        return ExitStatus.DONE
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stderr.write(f"error: what was asked for cannot be written: {error.strerror}\n")
        return ExitStatus.UNEXPECTED
    return status


def _answered() -> int:
    try:
        return _status(app(standalone_mode=False))
    except UnderwayError as error:
        _explain(error)
        return error.exit_status
    except typer.Exit as found:
        return found.exit_code
    except TyperException as error:
        # what Typer raises for a command line that it does not understand; it prints the usage and the mistake
        error.show()  # type: ignore[attr-defined]  # only its subclasses, all private, have it
        return ExitStatus.USAGE
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("\n")
        return ExitStatus.INTERRUPTED


def _status(found: object) -> int:
    return found if isinstance(found, int) else ExitStatus.DONE


def _explain(error: UnderwayError) -> None:
    from underway.report.errors import render_error

    sys.stderr.write(render_error(error).rstrip("\n") + "\n")
