// What every kind of round runs the broker with.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const top = resolve(import.meta.dirname, '../..');

// Small unless the environment says otherwise, so that every life of a round rolls files, installs checkpoints, tidies and compacts.
export const smallStorage = {
  WEIR_STORAGE_FILE_BYTES: process.env.WEIR_STORAGE_FILE_BYTES ?? String(4 << 20),
  WEIR_STORAGE_CHECKPOINT_BYTES: process.env.WEIR_STORAGE_CHECKPOINT_BYTES ?? String(1 << 20),
  WEIR_STORAGE_MAINTENANCE_MS: process.env.WEIR_STORAGE_MAINTENANCE_MS ?? '20',
};

export function powerCutTools() {
  const folder = process.env.WEIR_POWERCUT_TOOLS ?? join(top, 'build/dev/tests/crash/powercut');
  const tools = { library: join(folder, 'libpowercut.so'), cutter: join(folder, 'powercut_cutter') };
  for (const tool of Object.values(tools)) if (!existsSync(tool)) throw new Error(`${tool} is not built (scripts/build dev powercut powercut_cutter)`);
  return tools;
}
