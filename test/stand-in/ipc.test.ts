import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Sample, startSample } from './sample.ts'

interface Bridge {
  readonly invoke: (channel: string, ...values: readonly unknown[]) => Promise<unknown>
  readonly send: (channel: string, ...values: readonly unknown[]) => void
  readonly callBack: (listener: (text: string) => string) => string
  readonly throwing: () => void
  readonly arguments: readonly string[]
  readonly nested: { readonly list: number[] }
}
declare const sample: Bridge

let house: Sample
beforeAll(async () => {
  house = await startSample()
})
afterAll(() => house.end())

describe('messages between the page and the main process', () => {
  it('carry what the structured clone algorithm carries, errors without their class', async () => {
    const answer = await house.page.evaluate(async () => {
      const values = [1, -0, Number.NaN, 12n, 'text', null, undefined, [1, [2]], { $: 1, __proto__x: 2 }]
      const special = [
        new Date(5),
        /a+/gu,
        new Map([['k', new Set([1])]]),
        new Uint8Array([1, 2]),
        new TypeError('bad'),
      ]
      const echoed = (await sample.invoke('echo', ...values, ...special)) as unknown[]
      const [date, expression, map, bytes, error] = echoed.slice(values.length) as [
        Date,
        RegExp,
        Map<string, Set<number>>,
        Uint8Array,
        Error,
      ]
      return {
        same: values.map(
          (value, at) => Object.is(value, echoed[at]) || JSON.stringify(value) === JSON.stringify(echoed[at]),
        ),
        special: [date.getTime(), String(expression), map.get('k')?.has(1), [...bytes], error.name, error.message],
      }
    })
    expect(answer.same).toEqual(Array.from({ length: 9 }, () => true))
    expect(answer.special).toEqual([5, '/a+/gu', true, [1, 2], 'Error', 'bad'])
  })

  it('name their sender as the app knows it', async () => {
    expect(await house.invoke('sender')).toEqual({ origin: 'app://ui', url: 'app://ui/', isTop: true, isOurs: true })
  })

  it('fail with the words of Electron', async () => {
    const failure = (channel: string): Promise<string> =>
      house.page.evaluate((name) => sample.invoke(name).then(() => 'no error', String), channel)
    expect(await failure('fail')).toBe("Error: Error invoking remote method 'fail': TypeError: n must be a number")
    expect(await failure('nobody')).toBe(
      "Error: Error invoking remote method 'nobody': Error: No handler registered for 'nobody'",
    )
    expect(await failure('unclonable')).toBe(
      "Error: Error invoking remote method 'unclonable': Error: An object could not be cloned.",
    )
  })

  it('arrive one way too, in both directions', async () => {
    await house.page.evaluate(() => sample.send('said', 'hello', { n: 1 }))
    await expect.poll(house.log).toContain('said ["hello",{"n":1}]')
    await house.app.evaluate(({ BrowserWindow }) => {
      BrowserWindow.getAllWindows()[0]?.webContents.send('message', 'from the main process')
    })
    await house.page.getByText('from the main process').waitFor()
  })

  it('have no sender left once the page has gone elsewhere', async () => {
    await house.page.evaluate(() => void sample.invoke('slow-sender').catch(() => {}))
    await Promise.all([
      house.page.waitForEvent('load'),
      house.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.loadURL('app://ui/')),
    ])
    await house.app.evaluate(({ ipcMain }) => ipcMain.emit('go-on'))
    await expect.poll(house.log).toContain('late sender null')
  })

  it('reach the preload only, which the page cannot', async () => {
    const seen = await house.page.evaluate(() => ({
      types: ['require', 'process', 'electronStandIn', 'electronStandInTell', 'module'].map(
        (name) => typeof (globalThis as unknown as Record<string, unknown>)[name],
      ),
      isFrozen: Object.isFrozen(sample) && Object.isFrozen(sample.nested) && Object.isFrozen(sample.nested.list),
      isWritable: Object.getOwnPropertyDescriptor(window, 'sample')?.writable,
      fromMain: sample.arguments.includes('--from-main'),
    }))
    expect(seen.types).toEqual(Array.from({ length: 5 }, () => 'undefined'))
    expect(seen).toMatchObject({ isFrozen: true, isWritable: false, fromMain: true })
  })

  it('cross the context bridge as calls, with functions and errors', async () => {
    expect(await house.page.evaluate(() => sample.callBack((text) => `heard ${text}`))).toBe('heard from the preload')
    const thrown = await house.page.evaluate(() => {
      try {
        sample.throwing()
        return 'no error'
      } catch (error) {
        return error instanceof Error ? `${error.name}: ${error.message}` : 'no Error'
      }
    })
    expect(thrown).toBe('Error: thrown in the preload')
  })

  it('have one handler to a channel', async () => {
    const main = await house.app.evaluate(({ ipcMain }) => {
      try {
        ipcMain.handle('echo', () => 1)
        return 'handled twice'
      } catch (error) {
        return String(error)
      }
    })
    expect(main).toBe("Error: Attempted to register a second handler for 'echo'")
  })
})
