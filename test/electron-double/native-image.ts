/**
 * `nativeImage` (Electron's page of that name), as far as icons need it. The rule: what Electron would not decode is empty
 * here too, so that a missing icon shows.
 *
 * Modelled: making an image of PNG bytes, its size, its bytes, the template flag. Not modelled, and throwing: resizing,
 * cropping, representations, JPEG.
 */
import { readFileSync } from 'node:fs'
import type Electron from 'electron'
import { modelled } from './modelled.ts'

const pngSignature = Buffer.from('89504e470d0a1a0a', 'hex')

function createImage(bytes: Buffer): Electron.NativeImage {
  // PNG (ISO/IEC 15948): the signature, then the header with width and height at bytes 16 and 20.
  const isPng = bytes.length > 24 && bytes.subarray(0, 8).equals(pngSignature)
  let isTemplate = false
  return modelled<Electron.NativeImage>('NativeImage', {
    isEmpty: () => !isPng,
    getSize: () =>
      isPng ? { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) } : { width: 0, height: 0 },
    toPNG: () => (isPng ? bytes : Buffer.alloc(0)),
    toDataURL: () => `data:image/png;base64,${isPng ? bytes.toString('base64') : ''}`,
    setTemplateImage: (option) => {
      isTemplate = option
    },
    isTemplateImage: () => isTemplate,
  } satisfies Partial<Electron.NativeImage>)
}

export const nativeImage = modelled<typeof Electron.nativeImage>('nativeImage', {
  createEmpty: () => createImage(Buffer.alloc(0)),
  createFromBuffer: (buffer) => createImage(buffer),
  createFromDataURL: (dataURL) => createImage(Buffer.from(dataURL.split(',')[1] ?? '', 'base64')),
  createFromPath: (path) => {
    try {
      return createImage(readFileSync(path))
    } catch {
      return createImage(Buffer.alloc(0))
    }
  },
} satisfies Partial<typeof Electron.nativeImage>)

/** What `Tray` and others take for an image. Throws as Electron does when a path holds none. */
export function toImage(image: Electron.NativeImage | string): Electron.NativeImage {
  if (typeof image !== 'string') return image
  const read = nativeImage.createFromPath(image)
  if (read.isEmpty()) throw new Error(`Failed to load image from path '${image}'`)
  return read
}
