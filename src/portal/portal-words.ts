import type { Language } from './portal-texts.ts'

/** The shape of a table of words, whatever they are. */
export type SameShape<T> = T extends string
  ? string
  : T extends readonly (infer Item)[]
    ? readonly SameShape<Item>[]
    : { readonly [Key in keyof T]: SameShape<T[Key]> }

export type Bilingual<T> = { readonly [language in Language]: T }

/** A table of words in both languages; the English one has the shape of the Japanese one. */
export function bilingual<T>(ja: T, en: NoInfer<SameShape<T>>): Bilingual<SameShape<T>> {
  return { ja: ja as SameShape<T>, en }
}

/** Puts values into a text at `{name}`. Names that are not given stay as they are. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (hole, name: string) => String(values[name] ?? hole))
}

/** The same for every text of a table. */
export function fillAll<T>(words: T, values: Readonly<Record<string, string | number>>): T {
  if (typeof words === 'string') return fill(words, values) as T
  if (Array.isArray(words)) return words.map((word: unknown) => fillAll(word, values)) as T
  return Object.fromEntries(Object.entries(words as object).map(([key, word]) => [key, fillAll(word, values)])) as T
}
