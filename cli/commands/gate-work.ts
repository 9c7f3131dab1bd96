/** What people do at a gate besides deciding it. */
import type { Gate } from '../api-shapes.ts';
import type { Client } from '../client.ts';
import { connect, practiceNotice } from '../connect.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CommandFailure, exitCodes, WrongUsage } from '../failures.ts';
import { findGate } from '../find-gate.ts';
import { findPerson } from '../find-person.ts';
import { gateText } from '../gate-text.ts';
import { plainLine } from '../plain-text.ts';
import type { World } from '../world.ts';

/** Prints all that a decision about the gate would be about. */
export function showGate(named: string, options: ConnectionOptions, world: World): Promise<number> {
  return atGate(named, 'all', options, world, async (gate) => gateText(gate));
}

export function claimGate(named: string, options: ConnectionOptions, world: World): Promise<number> {
  return atGate(named, 'mine', options, world, async (gate, client) => {
    await client.claim(gate.id);
    return `Claimed ${nameOf(gate)}.`;
  });
}

export function releaseGate(named: string, options: ConnectionOptions, world: World): Promise<number> {
  return atGate(named, 'all', options, world, async (gate, client) => {
    await client.release(gate.id);
    return `Released ${nameOf(gate)}.`;
  });
}

/** @param person whose id, name or e-mail address it is */
export function delegateVote(named: string, person: string, options: ConnectionOptions, world: World): Promise<number> {
  return atGate(named, 'mine', options, world, async (gate, client) => {
    const to = await findPerson(client, person);
    await client.delegate(gate.id, to.id);
    return `${plainLine(to.displayName)} may cast your vote at ${nameOf(gate)}.`;
  });
}

export function withdrawDelegation(named: string, options: ConnectionOptions, world: World): Promise<number> {
  return atGate(named, 'all', options, world, async (gate, client) => {
    const { to } = await client.withdrawDelegation(gate.id);
    return to === undefined
      ? `Nobody had your vote at ${nameOf(gate)}.`
      : `${plainLine(to)} may no longer cast your vote at ${nameOf(gate)}.`;
  });
}

export interface AskOptions extends ConnectionOptions {
  /** Whose id, name or e-mail address it is. Unsaid, who started the run. */
  to?: string;
}

export async function askAtGate(named: string, text: string, options: AskOptions, world: World): Promise<number> {
  requireText(text, 'question');
  return atGate(named, 'mine', options, world, async (gate, client) => {
    const to = options.to === undefined ? undefined : (await findPerson(client, options.to)).id;
    const asked = await client.ask(gate.id, { text, ...(to === undefined ? {} : { to }) });
    return `Asked ${plainLine(asked.to ?? gate.run.requester)} about ${nameOf(gate)} (question ${asked.id}). The gate stays open.`;
  });
}

export interface AnswerOptions extends ConnectionOptions {
  /** As much of a question's id as tells it from others. Unsaid, the only one without an answer. */
  question?: string;
}

export async function answerAtGate(named: string, text: string, options: AnswerOptions, world: World): Promise<number> {
  requireText(text, 'answer');
  return atGate(named, 'all', options, world, async (gate, client) => {
    const question = questionOf(gate, options.question);
    await client.answer(gate.id, { question: question.id, text });
    return `Answered ${plainLine(question.by)} at ${nameOf(gate)}.`;
  });
}

function requireText(text: string, what: string): void {
  if (text.trim() === '') throw new WrongUsage(`Unexpected empty ${what}, expected a text.`);
}

/** @throws CommandFailure naming the questions that were expected */
function questionOf(gate: Gate, named: string | undefined): Gate['messages'][number] {
  const questions = gate.messages.filter(({ kind }) => kind === 'question');
  const answered = new Set(gate.messages.flatMap(({ answers }) => answers ?? []));
  const meant = questions.filter(({ id }) => (named === undefined ? !answered.has(id) : id.startsWith(named)));
  const [found, ...more] = meant;
  if (found !== undefined && more.length === 0) return found;
  const listed = (found === undefined ? questions : meant).map(
    ({ id, by, text }) => `  ${id}  ${plainLine(by)}: ${plainLine(text)}`,
  );
  const place = nameOf(gate);
  if (questions.length === 0) throw new CommandFailure(`Nobody has asked anything at ${place}.`);
  if (found !== undefined && named === undefined)
    throw new CommandFailure(
      [`Several questions at ${place} have no answer, expected --question with one of:`, ...listed].join('\n'),
    );
  if (found !== undefined)
    throw new CommandFailure(
      [`Several questions begin with ${named}, expected enough of the id to tell:`, ...listed].join('\n'),
    );
  throw new CommandFailure(
    [
      named === undefined
        ? `Every question at ${place} has an answer; to answer one again, name it by --question:`
        : `No question at ${place} begins with ${named}, expected one of:`,
      ...listed,
    ].join('\n'),
  );
}

const nameOf = ({ id, title }: Gate): string => `${plainLine(title)} (gate ${id})`;

/** Does it at the gate that is named, and prints what it says. */
async function atGate(
  named: string,
  among: 'mine' | 'all',
  options: ConnectionOptions,
  world: World,
  work: (gate: Gate, client: Client) => Promise<string>,
): Promise<number> {
  const { client, practice } = await connect(options, world);
  if (practice) world.terminal.print(practiceNotice, 'strong');
  world.terminal.print(await work(await findGate(client, named, among), client));
  return exitCodes.done;
}
