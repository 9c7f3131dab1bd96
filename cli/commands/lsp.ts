import { exitCodes } from '../failures.ts';
import type { World } from '../world.ts';

/** Serves an editor on stdin and stdout. The process ends when the editor says so or closes stdin. */
export async function lspCommand({ streams }: World): Promise<number> {
  const [{ createConnection }, { serveEditor }, { editorSurroundings }] = await Promise.all([
    import('vscode-languageserver/node'),
    import('../language-server.ts'),
    import('../editor-surroundings.ts'),
  ]);
  const connection = createConnection(streams.stdin, streams.stdout);
  serveEditor(connection, editorSurroundings());
  connection.listen();
  return exitCodes.done;
}
