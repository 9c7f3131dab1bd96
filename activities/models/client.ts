/** Asking the model of a worker: the endpoint it is given, which on a practice stack is told which run and step asks. */
import type { ModelReply, ModelRequest } from '../../models/ask-model.ts';
import { askModel as ask } from '../../models/ask-model.ts';
import type { ModelEndpoint } from '../dependencies.ts';

export type { ModelReply, ToolCall } from '../../models/ask-model.ts';
export { isModelUnavailable, ModelProblem } from '../../models/ask-model.ts';

export interface AgentRequest extends Omit<ModelRequest, 'headers'> {
  /** Sent to the practice server only: which run and step asks. */
  practiceHeaders: Record<string, string>;
}

/** @throws ModelProblem, or what `signal` was aborted with */
export async function askModel(endpoint: ModelEndpoint, request: AgentRequest): Promise<ModelReply> {
  const { practiceHeaders, ...asked } = request;
  return ask(endpoint, { ...asked, headers: endpoint.practice ? practiceHeaders : {} });
}
