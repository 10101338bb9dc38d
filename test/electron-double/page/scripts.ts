/**
 * The scripts that run in every document before its own, put together as text. The rule: the functions named here are the
 * only ones they need, and the preload's source is a script of its own, so that a mistake in it breaks nothing else and
 * nothing has to be evaluated from a string (the page's content security policy may forbid that).
 */
import { makeCodec } from './codec.ts'
import { installPreloadWorld } from './preload-world.ts'
import { installInPage, joinWorlds } from './worlds.ts'

/** The isolated world's name, and the function in it that reaches the main process. */
export const preloadWorldName = 'electron-preload'
export const tellFunction = 'electronStandInTell'

/** For the page's own world. `key` is a secret shared with the preload's world. */
export function pageScript(key: string): string {
  return `(() => {
${String(makeCodec)}
${String(joinWorlds)}
(${String(installInPage)})(joinWorlds(${JSON.stringify(key)}, 'page', 'preload', makeCodec));
})()`
}

/** For the preload's world; `sandboxProcess` is what the preload sees as `process`. */
export function preloadWorldScript(key: string, sandboxProcess: object): string {
  return `(() => {
${String(makeCodec)}
${String(joinWorlds)}
(${String(installPreloadWorld)})(
  joinWorlds(${JSON.stringify(key)}, 'preload', 'page', makeCodec), makeCodec(), ${JSON.stringify(sandboxProcess)},
  (message) => globalThis.${tellFunction}(JSON.stringify(message)));
})()`
}

/** Runs the preload `source`, which is CommonJS. */
export function preloadScript(source: string, path: string): string {
  return `globalThis.electronStandIn?.runPreload(function (require, module, exports, process) {
${source}
})
//# sourceURL=${path}`
}
