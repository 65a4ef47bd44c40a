// Goal: files and functions short enough to be read in one go. Method: count lines; a function is the block from a line that
// ends its head to the line that closes it at the same indentation, as the formatter writes it.
import t from 'tap'
import { codeOf, readFiles, type SourceFile } from './source-files.ts'

const fileLinesMax = 400
const functionLinesMax = 70

type Block = { readonly line: number; readonly lines: number }

/** Heads of control structures end in `) {` as well; they are not functions. */
const controlHead = /^\s*(\} )?(if|else|for|while|switch|catch|do|try|with|class)\b/
const functionHead = /(=> \{|\)(: [^=]+)? \{)$/

function functionsOf({ text }: Pick<SourceFile, 'text'>): Block[] {
  const lines = codeOf(text).split('\n')
  const found: Block[] = []
  for (const [position, line] of lines.entries()) {
    const head = line.trimEnd()
    if (!functionHead.test(head) || controlHead.test(head)) continue
    const indent = /^ */.exec(line)?.[0] ?? ''
    const end = lines.findIndex((later, index) => index > position && later.startsWith(`${indent}}`))
    if (end >= 0) found.push({ line: position + 1, lines: end - position + 1 })
  }
  return found
}

const files = [...readFiles('src', ['.ts']), ...readFiles('test', ['.ts']), ...readFiles('scripts', ['.js', '.ts'])]

t.test(`no file is longer than ${fileLinesMax} lines`, async (t) => {
  const long = files.filter(({ lines }) => lines.length - 1 > fileLinesMax)
  t.same(
    long.map(({ path, lines }) => `${path}: ${lines.length - 1}`),
    [],
  )
})

t.test(`no function of src is longer than ${functionLinesMax} lines`, async (t) => {
  const sources = files.filter(({ path }) => !path.startsWith('test/'))
  t.ok(sources.flatMap(functionsOf).length > sources.length, 'functions are found')
  t.same(
    sources.flatMap((file) =>
      functionsOf(file)
        .filter(({ lines }) => lines > functionLinesMax)
        .map(({ line, lines }) => `${file.path}:${line}: ${lines} lines`),
    ),
    [],
  )
})

t.test('a long function is found', async (t) => {
  const body = Array.from({ length: functionLinesMax }, () => '    step()').join('\n')
  t.same(functionsOf({ text: `class A {\n  long(a: string): void {\n${body}\n  }\n}\n` }), [
    { line: 2, lines: functionLinesMax + 2 },
  ])
  t.same(functionsOf({ text: `const long = async (\n  a: string,\n) => {\n${body}\n}\n` }), [
    { line: 3, lines: functionLinesMax + 2 },
  ])
})
