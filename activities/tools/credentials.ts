/** Whose credential a call carries: of a tool that acts as a person, that of the person who acts, and never another's. */
import { credentialOf } from '../../prisma/connections.ts';
import type { Actor } from '../../prisma/open.ts';
import { credentialName } from '../configuration.ts';
import type { Dependencies } from '../dependencies.ts';
import type { ToolDeclaration } from './declarations.ts';
import { RequestProblem } from './http.ts';

/** Whether it is sent the credential of the person who acts. */
export const actsAsPerson = ({ source }: ToolDeclaration): boolean =>
  source.kind === 'configured' && source.tool.as === 'person';

/** The dependencies with the actor's own credential among the values. @throws RequestProblem where they have none */
export async function withCredential(deps: Dependencies, actor: Actor, tool: ToolDeclaration): Promise<Dependencies> {
  if (!actsAsPerson(tool)) return deps;
  const { credentialKey } = deps;
  const credential =
    credentialKey && (await deps.store.actAs(actor, (tx) => credentialOf(tx, credentialKey, actor, tool.name)));
  if (credential === undefined) {
    throw new RequestProblem(
      `Unexpected call of ${tool.name} without a credential, expected that the person who acts has connected it`,
      true,
    );
  }
  return { ...deps, values: { ...deps.values, [credentialName]: credential } };
}
