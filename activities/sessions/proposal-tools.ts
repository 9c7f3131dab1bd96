/**
 * What an agent may do in a session, as its owner: read the proposal and the transcripts that were granted, change or
 * suggest, and ask the owner for what only they decide. Once it has seen what others wrote, it asks before it changes
 * anything.
 */
import type { ChatCompletionFunctionTool } from 'openai/resources/chat/completions';
import { z } from 'zod';
import type { Json } from '../../compiler/types.ts';
import { editOrSuggest } from '../../prisma/agent-edits.ts';
import { getArtifact } from '../../prisma/artifacts.ts';
import type { Patch } from '../../prisma/json-patch.ts';
import { patchSchemaOf } from '../../prisma/json-patch.ts';
import { noteRead } from '../../prisma/read-log.ts';
import type { Deed, EditDeed } from '../../prisma/session-deeds.ts';
import { askOwner, editOf } from '../../prisma/session-deeds.ts';
import { argumentsGiven } from '../call-arguments.ts';
import type { Block } from '../models/context-blocks.ts';
import { renderBlocks } from '../models/context-blocks.ts';
import type { ToolDeclaration } from '../tools/declarations.ts';
import type { TurnClaim } from './claim-turn.ts';
import { readProposal } from './read-proposal.ts';
import type { Given } from './session-agent.ts';
import type { Around, Done } from './tool-call.ts';
import { windowTokens } from './tool-call.ts';

interface ProposalTool {
  description: string;
  input: z.ZodType;
  run(around: Around, args: unknown): Promise<Done>;
}

/** Of a transcript, how much a model is shown. */
const mostMessages = 200;

const content = z.json().describe('The whole new content, of the type the section has now');
const base = z
  .string()
  .max(64)
  .nullable()
  .describe('The digest that came with the content you read; null where there was none');
const section = z.string().min(1).max(200).describe('Name of a section');
const person = z.string().min(1).max(200).describe("A person's id");

const tool = <Input extends z.ZodType>(
  description: string,
  input: Input,
  run: (around: Around, args: z.output<Input>) => Promise<Done>,
): ProposalTool => ({ description, input, run: (around, args) => run(around, input.parse(args)) });

export const proposalTools: Readonly<Record<string, ProposalTool>> = {
  read_proposal: tool(
    'Reads the sections and the state of the proposal, each with its digest and whether you may edit it. One that is too long is cut and has no digest: to write it, read it alone, page by page to its end.',
    z.strictObject({
      section: z.string().max(200).optional().describe('To read this section alone; empty for the state'),
      from: z.string().max(200).optional().describe('To go on with that section: what `more` said on the page before'),
    }),
    readProposal,
  ),
  read_given: tool('Reads what the step that you talk about was given to go on from.', z.strictObject({}), readGiven),
  read_transcript: tool(
    'Reads what somebody discussed in their own session on this proposal, where they granted it to the person you work for.',
    z.strictObject({ person }),
    readTranscript,
  ),
  edit_section: tool(
    'Writes a section. Where the person you work for may not edit it, or it has changed since you read it, it becomes a suggestion.',
    z.strictObject({ section, base, content }),
    (around, args) => change(around, { does: 'edit', ...args, content: args.content as Json }),
  ),
  change_state: tool(
    'Writes the state of the proposal, whole. Becomes a suggestion as an edit does.',
    z.strictObject({ base, content }),
    (around, args) => change(around, { does: 'edit', section: '', base: args.base, content: args.content as Json }),
  ),
  patch_state: tool(
    'Changes parts of the state by a JSON Patch (RFC 6902) on the state you read: all of it is done, or nothing. Becomes a suggestion as an edit does.',
    z.strictObject({ base, patch: patchSchemaOf(z.json()) }),
    (around, args) => change(around, { does: 'patch', base: args.base, patch: args.patch as Patch }),
  ),
  suggest: tool(
    'Suggests new content of a section to whoever decides about it.',
    z.strictObject({ section, base, content }),
    (around, args) => change(around, { does: 'suggest', ...args, content: args.content as Json }),
  ),
  share: tool(
    'Asks the person you work for whether to share the proposal with somebody for review. Done when they say yes.',
    z.strictObject({ person }),
    (around, args) => ask(around, { does: 'share', ...args }),
  ),
  hand_over: tool(
    'Asks the person you work for whether to hand the proposal, or only some sections, over to somebody. Done when they say yes.',
    z.strictObject({ person, sections: z.array(section).min(1).max(100).nullable() }),
    (around, { person: to, sections }) =>
      ask(around, { does: 'hand over', person: to, ...(sections === null ? {} : { sections }) }),
  ),
};

/** As functions that a model may call. */
export function functionsOf({ given }: TurnClaim): ChatCompletionFunctionTool[] {
  const tools = Object.entries(proposalTools).filter(([name]) => name !== 'read_given' || isThere(given));
  return tools.map(([name, { description, input }]) => {
    const { $schema, ...parameters } = z.toJSONSchema(input, { io: 'input' });
    return { type: 'function', function: { name, description, parameters } };
  });
}

const isThere = (given: Given | undefined): given is Given => given !== undefined && given.shown.length > 0;

/** It comes of steps, which may have made it of anybody's text. Who reads it reads what the task shows. */
async function readGiven({ tx, claim: { actor, given } }: Around): Promise<Done> {
  if (!isThere(given)) return { response: 'There is nothing that a step was given here.' };
  await noteRead(tx, { what: 'gate.read', thing: given.run, part: given.gate });
  const blocks: Block[] = [];
  for (const { name, digest } of given.shown) {
    const value = await getArtifact(tx, actor.tenant, digest);
    blocks.push({ name, source: 'step', trusted: false, value });
  }
  return { response: renderBlocks(blocks, windowTokens).text, untrusted: true };
}

async function readTranscript({ tx, claim }: Around, { person: whose }: { person: string }): Promise<Done> {
  const { actor } = claim;
  const other = await tx.session.findUnique({
    where: {
      tenantId_proposalId_ownerId: { tenantId: actor.tenant, proposalId: claim.proposal, ownerId: whose },
    },
  });
  // The database shows what was granted to the owner of this session, and nothing else.
  const rows = other
    ? await tx.message.findMany({
        where: { tenantId: actor.tenant, sessionId: other.id, kind: 'text' },
        orderBy: { seq: 'desc' },
        take: mostMessages,
      })
    : [];
  if (rows.length === 0) return { response: 'There is no transcript of theirs that you may read.' };
  await noteRead(tx, { what: 'transcript.read', thing: claim.proposal, part: other?.id ?? '' });
  const said = rows
    .reverse()
    .map(({ author, body }) => ({ who: author === 'owner' ? whose : `agent of ${whose}`, body }));
  const block = { name: 'transcript', source: `session of ${whose}`, trusted: whose === actor.user, value: said };
  return { response: renderBlocks([block], windowTokens).text, untrusted: whose !== actor.user };
}

async function change(around: Around, deed: EditDeed): Promise<Done> {
  const { tx, deps, claim } = around;
  if (claim.untrusted) return ask(around, deed);
  const of = { proposal: claim.proposal, turn: claim.turn, epoch: claim.epoch };
  const done = await editOrSuggest(tx, deps.definitions, claim.actor, of, editOf(deed));
  const response = { ...done };
  if (done.did === 'nothing') return { response };
  return { response, say: { author: 'agent', kind: 'action', turn: claim.turn, body: response } };
}

/** A write of the configuration, by the name it has there: asked for, whatever was seen before. */
export function askToCall(around: Around, tool: ToolDeclaration, text: string): Promise<Done> {
  const { at } = around.claim;
  const read = argumentsGiven(tool, text);
  if ('problem' in read) return Promise.resolve({ response: read.problem });
  // Writes are offered only where there is one.
  if (at === undefined) throw new Error(`${tool.name} was offered without a step`);
  return ask(around, { does: 'call', tool: tool.name, arguments: read.args, at });
}

/** The deed is kept exactly; the answer comes later and is no part of this turn. */
async function ask({ tx, claim }: Around, deed: Deed): Promise<Done> {
  const confirmation = await askOwner(tx, claim.actor, claim, deed);
  return {
    response: { did: 'asked', confirmation, note: 'The person you work for is asked. It is done if they say yes.' },
  };
}
