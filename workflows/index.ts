/** The bundle's entry: what a worker can run. */
export { runDocument } from './run-document.ts';
export { sessionTurn } from './session-turn.ts';
