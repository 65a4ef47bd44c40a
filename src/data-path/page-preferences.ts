import { classifyField, fieldClass } from './http1/field-class.ts'
import type { FieldList } from './http1/field-list.ts'

/** What a client asked of the form and language of an answer. */
export type PagePreferences = { readonly accept: string | undefined; readonly acceptLanguage: string | undefined }

/** Reads Accept and Accept-Language; repeated ones are joined, as RFC 9110 5.3 allows. */
export function pagePreferences(fields: FieldList): PagePreferences {
  let accept: string | undefined
  let acceptLanguage: string | undefined
  for (let at = 0; at < fields.length; at += 2) {
    const value = fields[at + 1] as string
    switch (classifyField(fields[at] as string)) {
      case fieldClass.accept:
        accept = accept === undefined ? value : `${accept}, ${value}`
        break
      case fieldClass.acceptLanguage:
        acceptLanguage = acceptLanguage === undefined ? value : `${acceptLanguage}, ${value}`
        break
    }
  }
  return { accept, acceptLanguage }
}
