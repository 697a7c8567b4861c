variable "name" {
  description = "Its deployed name: the entry point with hyphens."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z-]{0,24}[a-z])?$", var.name))
    error_message = "name has at most 26 small letters and hyphens: with fn- before it, it names an account too."
  }
}

variable "project" {
  type = string
}

variable "region" {
  type = string
}

variable "source_archive" {
  type = object({ bucket = string, object = string })
}

variable "build_account" {
  description = "Full name of the account that builds."
  type        = string
}

variable "repository" {
  description = "Where the image is kept."
  type        = string
}

variable "caller" {
  description = "E-mail of the one service account that may call it; null: everyone."
  type        = string
  default     = null
}

variable "checks_invokers" {
  description = "Whether Cloud Run asks IAM who calls; false, for a function that everyone may call, where allUsers may not be named."
  type        = bool
  default     = true

  validation {
    condition     = var.checks_invokers || var.caller == null
    error_message = "A function with a caller of its own is always guarded by IAM."
  }
}

variable "roles" {
  description = "What its own account may do in the project."
  type        = list(string)
}

variable "signs_tokens" {
  description = "Role under which it signs as itself, if it does."
  type        = string
  default     = null
}

variable "environment" {
  type = map(string)
}

variable "secrets" {
  description = "Environment variable -> name of the secret that it holds."
  type        = map(string)
  default     = {}
}

variable "document_written" {
  description = "The documents of Firestore whose writing calls it."
  type = object({
    collection        = string
    database          = string
    database_location = string
  })
  default = null

  validation {
    condition     = var.document_written == null || var.caller != null
    error_message = "A function that is called by events must have a caller."
  }
}

variable "timeout_seconds" {
  type = number

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= (var.document_written == null ? 3600 : 540)
    error_message = "timeout_seconds is at most 3600, and 540 for events."
  }
}

variable "concurrency" {
  description = "How many calls one instance handles at a time, each in a thread of its own."
  type        = number

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 80
    error_message = "concurrency is from 1 to 80."
  }
}

variable "memory" {
  type = string

  validation {
    condition     = can(regex("^[0-9]+(Mi|Gi)$", var.memory))
    error_message = "memory is given in Mi or Gi."
  }
}

variable "instances" {
  type = object({ least = number, most = number })

  validation {
    condition     = var.instances.least <= var.instances.most && var.instances.most >= 1
    error_message = "There must be room for at least one instance, and for the warm ones."
  }
}
