/** One writing of a graph as a document, with links to the anchors that are given. */
import { approverText } from './approvers.ts';
import type { Approver, Graph, Node } from './graph.ts';
import { answerOf } from './passes/apply-surroundings.ts';
import { isPrototypeName } from './passes/reserved-words.ts';
import { idOf } from './passes/resolve-names.ts';
import { addressOf, copiesIn } from './render-externals.ts';
import { saidOrder } from './render-order.ts';
import type { StepWriting } from './render-steps.ts';
import { budgetText, stepSettings } from './render-steps.ts';
import type { Setting } from './render-text.ts';
import { codeText, commaList, linkText, settingsText, tableText, wordsText } from './render-text.ts';
import type { TypeWriting } from './render-types.ts';
import { declarationText, fieldWords, inputsText, typeText } from './render-types.ts';
import type { Surroundings } from './surroundings.ts';
import type { Field } from './types.ts';

/** What no document can say, and where it stands in the graph: a JSON pointer. */
export interface RenderProblem {
  at: string;
  message: string;
}

/** Of headings, by `step ID`, `agent ID` and `type NAME`. */
export type Anchors = ReadonlyMap<string, string>;

/** Agents and types that stand in this document and not in another. */
export function ownThings(graph: Graph): Pick<Graph, 'agents' | 'types'> {
  const copies = copiesIn(graph);
  return {
    agents: graph.agents.filter(({ id }) => !copies.agents.has(id)),
    types: graph.types.filter(({ name }) => !copies.types.has(name)),
  };
}

export function writeDocument(
  graph: Graph,
  surroundings: Surroundings,
  anchors: Anchors,
): { text: string; problems: RenderProblem[] } {
  const problems: RenderProblem[] = [];
  const refuse = (at: string, message: string): void => void problems.push({ at, message });
  const parts = [
    ...titleParts(graph, refuse),
    ...inputsParts(graph, refuse),
    ...typesParts(graph, refuse),
    ...agentsParts(graph, anchors, refuse),
    ...proposalParts(graph, refuse),
    ...stepsParts(graph, surroundings, anchors, refuse),
    ...resultParts(graph, refuse),
  ];
  return { text: `${parts.filter((part) => part !== '').join('\n\n')}\n`, problems };
}

type Refuse = (at: string, message: string) => void;

function heading(depth: number, title: string, at: string, refuse: Refuse): string {
  if (title !== title.replace(/\s+/g, ' ').trim().normalize('NFC')) {
    refuse(at, 'Unexpected heading, expected one line of words in NFC with single spaces');
  }
  // Marks at its end would close the heading.
  return `${'#'.repeat(depth)} ${title}${/(?:^|\s)#+$/.test(title) ? ' #' : ''}`;
}

function titleParts({ id, title, owner, budget }: Graph, refuse: Refuse): string[] {
  const unsaid = idOf(title).replaceAll('_', '-').replace(/^-+/, '');
  const settings: Setting[] = [];
  if (id !== unsaid) settings.push({ name: 'id', value: id });
  if (owner) settings.push({ name: 'owner', value: approverText(owner) });
  if (budget) settings.push({ name: 'budget', value: budgetText(budget) });
  return [heading(1, title, '/title', refuse), settingsText(settings)];
}

function typeWriting({ types, externals }: Graph): TypeWriting {
  const linked = externals.filter((one) => one.thing === 'type').map((one) => [one.as, addressOf(one)] as const);
  return { types, linked: new Map(linked) };
}

const unsayableFields = 'Unexpected fields that no table and no list can say, expected records in types with names';

function inputsParts(graph: Graph, refuse: Refuse): string[] {
  if (graph.inputs.length === 0) return [];
  const fields = inputsText(graph.inputs, typeWriting(graph));
  if (fields === undefined) refuse('/inputs', unsayableFields);
  return ['## Inputs', fields ?? ''];
}

function typesParts(graph: Graph, refuse: Refuse): string[] {
  const { types } = ownThings(graph);
  if (types.length === 0) return [];
  const writing = typeWriting(graph);
  const parts = types.flatMap((one) => {
    const text = declarationText(one.name, one.type, writing);
    const at = `/types/${graph.types.indexOf(one)}`;
    if (text === undefined) refuse(at, unsayableFields);
    return [heading(3, one.name, `${at}/name`, refuse), text ?? ''];
  });
  return ['## Types', ...parts];
}

function agentsParts(graph: Graph, anchors: Anchors, refuse: Refuse): string[] {
  const { agents } = ownThings(graph);
  if (agents.length === 0) return [];
  const link = agentLinks(graph, anchors);
  const parts = agents.flatMap((agent) => {
    const model = wordsText(agent.model, { plain: true });
    const at = `/agents/${graph.agents.indexOf(agent)}`;
    if (model === undefined) refuse(`${at}/model`, 'Unexpected name of a model, expected one line of words');
    const settings = [
      ...idSetting(agent.id, agent.name),
      { name: 'model', value: model ?? '' },
      commaList('tools', agent.tools),
      commaList('may delegate to', agent.mayDelegateTo.map(link)),
      { name: 'budget', value: agent.budget ? budgetText(agent.budget) : '' },
    ];
    return [heading(3, agent.name, `${at}/name`, refuse), settingsText(filled(settings)), agent.instruction];
  });
  return ['## Agents', ...parts];
}

function agentLinks({ agents, externals }: Graph, anchors: Anchors): (id: string) => string {
  return (id) => {
    const external = externals.find((one) => one.thing === 'agent' && one.as === id);
    const name = agents.find((one) => one.id === id)?.name ?? id;
    return linkText(name, id, external ? addressOf(external) : `#${anchors.get(`agent ${id}`) ?? ''}`);
  };
}

function idSetting(id: string, title: string): Setting[] {
  return idOf(title) === id && !isPrototypeName(title) ? [] : [{ name: 'id', value: id }];
}

function filled(settings: readonly Setting[]): Setting[] {
  return settings.filter(({ value }) => value.length > 0);
}

function proposalParts(graph: Graph, refuse: Refuse): string[] {
  const { proposal } = graph;
  if (!proposal) return [];
  const writing = typeWriting(graph);
  const state = proposal.state && typeText(proposal.state, writing);
  if (proposal.state && state === undefined) refuse('/proposal/state', unsayableFields);
  const settings: Setting[] = [
    { name: 'state', value: state ?? '' },
    { name: 'owner', value: proposal.owner ? approverText(proposal.owner) : '' },
  ];
  const rows = proposal.sections.map(({ field, owner }, index) => {
    const row = sectionRow(field, owner, writing);
    if (!row)
      refuse(`/proposal/sections/${index}`, 'Unexpected section that no table can say, expected a type with a name');
    return row ?? [];
  });
  const hasTable = proposal.sections.length > 0 || !proposal.state;
  const table = hasTable ? tableText(['Section', 'Type', 'Rule', 'Owner'], rows) : '';
  if (table === undefined) refuse('/proposal/sections', unsayableFields);
  return ['## Proposal', settingsText(filled(settings)), table ?? ''];
}

function sectionRow(field: Field, owner: Approver | undefined, writing: TypeWriting): string[] | undefined {
  const name = wordsText(field.name, { plain: true });
  const words = fieldWords(field, writing);
  if (name === undefined || words?.type === undefined || words.meaning !== '') return undefined;
  return [name, words.type, words.rules.join(', '), owner ? approverText(owner) : ''];
}

function stepsParts(graph: Graph, surroundings: Surroundings, anchors: Anchors, refuse: Refuse): string[] {
  if (graph.nodes.length === 0) return [];
  const depths = new Map<string, number>();
  const titles = new Map(graph.nodes.map((node) => [node.id, node.title]));
  const writing: Omit<StepWriting, 'refuse'> = {
    ...typeWriting(graph),
    graph,
    order: saidOrder(graph),
    step: (id) => linkText(titles.get(id) ?? id, id, `#${anchors.get(`step ${id}`) ?? ''}`),
    agent: agentLinks(graph, anchors),
    answerOf: (tool) => answerOf(surroundings.tools?.get(tool)?.output),
  };
  const parts = graph.nodes.flatMap((node: Node, index) => {
    const depth = node.parent === undefined ? 3 : (depths.get(node.parent) ?? 3) + 1;
    depths.set(node.id, depth);
    const said = stepSettings(node, {
      ...writing,
      refuse: (at, message) => refuse(`/nodes/${index}/${at}`, message),
    });
    // What it is comes first.
    const settings = [...said.slice(0, 1), ...idSetting(node.id, node.title), ...said.slice(1)];
    const title = heading(depth, node.title, `/nodes/${index}/title`, refuse);
    return [title, settingsText(settings), 'instruction' in node ? node.instruction : ''];
  });
  return ['## Steps', ...parts];
}

function resultParts(graph: Graph, refuse: Refuse): string[] {
  if (graph.result.length === 0) return [];
  const writing = typeWriting(graph);
  const rows = graph.result.map(({ name, type, value }, index) => {
    const [typeWords, code] = [typeText(type, writing), codeText(value)];
    if (typeWords === undefined) refuse(`/result/${index}/type`, unsayableFields);
    if (code === undefined)
      refuse(`/result/${index}/value`, 'Unexpected expression of several lines, expected one line');
    return [name, typeWords ?? '', code ?? ''];
  });
  const table = tableText(['Name', 'Type', 'Value'], rows);
  if (table === undefined)
    refuse('/result', 'Unexpected \\| in an expression, which no table can say, expected another way to say it');
  return ['## Result', table ?? ''];
}
