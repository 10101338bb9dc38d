/**
 * How far the app has come. The rule: one place says so, because half of Electron's API refuses to work before `ready` and
 * some of it afterwards ("app", event `ready`).
 */
const { promise, resolve } = Promise.withResolvers<undefined>()

export const readiness = {
  isReady: false,
  isQuitting: false,
  isExiting: false,
  whenReady: promise as Promise<void>,
  becomeReady(): void {
    readiness.isReady = true
    resolve(undefined)
  },
}
