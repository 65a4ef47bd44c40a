/** Commands of a guide that are run as they stand there. */
export type Box = { readonly name: string; readonly script: string }

/** Returns the boxes of a guide that are marked ```sh run=NAME, in order. Throws for a name that stands there twice. */
export function findBoxes(text: string): Box[] {
  const boxes = [...text.matchAll(/^```sh run=([a-z0-9-]+)\n([\s\S]*?)^```$/gm)].map(([, name = '', script = '']) => ({
    name,
    script,
  }))
  const names = new Set(boxes.map(({ name }) => name))
  if (names.size !== boxes.length) throw new Error('Cannot run the boxes of a guide: two have the same name')
  return boxes
}
