/** A socket that sends in one piece what is written to it one after the other. */
import { Socket } from 'node:net';

/**
 * What is written before the event loop is given back goes out together: one call of the system, and one waking of the
 * server, for all the statements that wait for no answer of each other.
 */
export class GatheringSocket extends Socket {
  #gathers = false;

  override write(chunk: Uint8Array | string, ...rest: never[]): boolean {
    if (!this.#gathers) {
      this.#gathers = true;
      this.cork();
      process.nextTick(() => {
        this.#gathers = false;
        this.uncork();
      });
    }
    return super.write(chunk, ...rest);
  }
}
