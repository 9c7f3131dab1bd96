/** Why a command did not do what it was asked, and the exit code that says so. */

export const exitCodes = {
  done: 0,
  /** What was asked failed or was refused. */
  failed: 1,
  /** The command cannot be understood, or a file that it names cannot be used; nothing was done. */
  wrongUsage: 2,
  /** A run that was followed to its end did not complete. */
  notCompleted: 3,
  /** The person pressed Ctrl-C; a run goes on without being watched. */
  interrupted: 130,
} as const;

/** Says what went wrong, where, and what was expected; printed as it stands. */
export class CommandFailure extends Error {
  override readonly name: string = 'CommandFailure';
}

export class WrongUsage extends CommandFailure {
  override readonly name = 'WrongUsage';
}

/** The API could not be asked, or its answer was none of its own. */
export class ApiUnreachable extends CommandFailure {
  override readonly name = 'ApiUnreachable';
}
