// The auditor: takes the history of a run and says what broke the promises of docs/durability.md. An empty list is a pass.
import { judgeBridges } from './bridge.mjs';
import { judgeKeys } from './keys.mjs';
import { judgeLists } from './list.mjs';
import { judgeLogs } from './log.mjs';
import { judgeQueues } from './queue.mjs';
import { judgeStreams } from './stream.mjs';

export { History } from './history.mjs';

export function judge(history, options = {}) {
  return [...judgeQueues(history, options), ...judgeLogs(history), ...judgeLists(history), ...judgeStreams(history), ...judgeKeys(history), ...judgeBridges(history)];
}
