variable "project" {
  description = "The Google Cloud project. One project holds one Fanfare."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is the id of a project: 6 to 30 small letters, digits and hyphens, beginning with a letter."
  }
  validation {
    condition     = !startswith(var.project, "demo-")
    error_message = "A project named demo-… is a local one, where Fanfare accepts unsigned tokens: it cannot be deployed."
  }
}

variable "environment" {
  description = "What this project is for. It is written down at the first apply and cannot change."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "environment is dev or prod."
  }
}

variable "region" {
  description = "Where functions, queues and the source bucket are."
  type        = string
  default     = "europe-west1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is one region of Google Cloud, such as europe-west1 (not a multi-region, not a zone)."
  }
}

variable "database_location" {
  description = "Where Firestore is: a multi-region or a region. It can never be changed."
  type        = string
  default     = "eur3"
  nullable    = false

  validation {
    condition     = can(regex("^(eur3|nam5|nam7|[a-z]+-[a-z]+[0-9]+)$", var.database_location))
    error_message = "database_location is eur3, nam5, nam7 or a region such as europe-west1."
  }
}

variable "protect" {
  description = "Whether data can be recovered, and cannot be deleted by a plan that was not read."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.protect || var.environment != "prod"
    error_message = "prod is always protected. To tear it down, follow docs/deploy.md."
  }
}

variable "bundle" {
  description = "The archive of the functions, as `make bundle` builds it."
  type        = string
  default     = "../build/fanfare-functions.zip"
  nullable    = false

  validation {
    condition     = fileexists(var.bundle) && endswith(var.bundle, ".zip")
    error_message = "There is no such archive: run `make bundle` first, at the root of the repository."
  }
}

variable "warm_instances" {
  description = "Function -> instances that are always running. Everything else starts when it is called."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.warm_instances) : contains(keys(local.doors), name)])
    error_message = "warm_instances names a function that does not exist."
  }
  validation {
    condition     = alltrue([for n in values(var.warm_instances) : try(n >= 0 && n <= 10 && floor(n) == n, false)])
    error_message = "warm_instances are whole numbers from 0 to 10: each one costs money day and night."
  }
  validation {
    condition     = alltrue([for name, n in var.warm_instances : try(n <= local.instances[name], true)])
    error_message = "warm_instances keeps more instances of a function running than it may have: raise most_instances, or keep fewer warm."
  }
}

variable "most_instances" {
  description = "How many instances of 1 vCPU all functions together may have. 20 is what a new project is allowed in a region; more needs a higher quota first (docs/deploy.md), and above 226 nothing is gained."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = floor(var.most_instances) == var.most_instances && var.most_instances >= local.few_in_all
    error_message = "most_instances is a whole number and at least 20: one instance of each function, and a second or third of those that everything waits for."
  }
}

variable "public_access" {
  description = "How everyone may call the public functions: allUsers gives IAM's right to all; no-invoker-check, for organisations that forbid that, has Cloud Run not ask IAM. Either way they check every caller themselves."
  type        = string
  default     = "allUsers"
  nullable    = false

  validation {
    condition     = contains(["allUsers", "no-invoker-check"], var.public_access)
    error_message = "public_access is allUsers, or no-invoker-check where an organisation policy forbids allUsers."
  }
}

variable "fcm_messages_per_minute" {
  description = "What FCM allows this project. 600,000 unless Google has raised it."
  type        = number
  default     = 600000
  nullable    = false

  validation {
    condition     = var.fcm_messages_per_minute >= 1000 && floor(var.fcm_messages_per_minute) == var.fcm_messages_per_minute
    error_message = "fcm_messages_per_minute is a whole number, at least 1000."
  }
}

variable "batches_per_second" {
  description = "How many batches of 500 each queue may start in a second: urgent (2), normal (6), bulk (10)."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.batches_per_second), keys(local.usual_rates))) == 0
    error_message = "batches_per_second has urgent, normal and bulk, and nothing else."
  }
  validation {
    condition     = alltrue([for rate in values(var.batches_per_second) : try(rate > 0 && rate <= 500, false)])
    error_message = "Each rate is more than 0 and at most 500 a second, which is the most Cloud Tasks does."
  }
  validation {
    condition     = try(sum(values(merge(local.usual_rates, var.batches_per_second))) * local.batch_size * 60 < var.fcm_messages_per_minute, true)
    error_message = "Together the queues would send more than FCM allows: the sum of the rates × 500 × 60 must stay below fcm_messages_per_minute."
  }
}

variable "panel_site" {
  description = "Name of the panel's site on Firebase Hosting, unique in the world; by default PROJECT-panel."
  type        = string
  default     = null

  validation {
    condition     = var.panel_site == null ? true : can(regex("^[a-z0-9][a-z0-9-]{4,28}[a-z0-9]$", var.panel_site))
    error_message = "panel_site has 6 to 30 small letters, digits and hyphens."
  }
}

variable "panel_domains" {
  description = "Further host names under which the panel is served."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.panel_domains : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", name))])
    error_message = "panel_domains are host names such as panel.example.com, without https:// and without a path."
  }
}

variable "app_check_enforced" {
  description = "Whether Firestore and sign-in refuse apps that cannot prove what they are. Desktops cannot: see docs/deploy.md."
  type        = bool
  default     = false
  nullable    = false
}

variable "device_app_check" {
  description = "Whether device-api refuses requests without a token of Firebase App Check: off or required. Every app that calls it must send one first: see docs/deploy.md."
  type        = string
  default     = "off"
  nullable    = false

  validation {
    condition     = contains(["off", "required"], var.device_app_check)
    error_message = "device_app_check is off or required."
  }
}

variable "mfa" {
  description = "Whether operators and moderators must have signed in with a second factor: off or required. They enrol one first: see docs/deploy.md."
  type        = string
  default     = "off"
  nullable    = false

  validation {
    condition     = contains(["off", "required"], var.mfa)
    error_message = "mfa is off or required."
  }
  validation {
    condition     = var.mfa == "off" || length(var.mfa_factors) > 0
    error_message = "mfa cannot be required while mfa_factors offers none: nobody could enrol."
  }
}

variable "mfa_factors" {
  description = "Second factors that people may enrol: totp (an authenticator app), sms."
  type        = set(string)
  default     = ["totp"]
  nullable    = false

  validation {
    condition     = alltrue([for factor in var.mfa_factors : contains(["totp", "sms"], factor)])
    error_message = "mfa_factors are totp and sms."
  }
}

variable "alert_emails" {
  description = "Who is told when something is wrong."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", address))])
    error_message = "alert_emails are e-mail addresses."
  }
  validation {
    condition     = length(var.alert_emails) > 0 || var.environment != "prod"
    error_message = "prod needs somebody who is told when something is wrong: alert_emails must not be empty."
  }
}

variable "budget" {
  description = "billing_account, and how much a month (monthly, in currency: EUR) may cost before somebody is told. None by default: it needs a role on the billing account."
  type        = map(string)
  default     = null

  validation {
    condition     = var.budget == null ? true : length(setsubtract(keys(var.budget), ["billing_account", "monthly", "currency"])) == 0
    error_message = "budget has billing_account, monthly and currency, and nothing else."
  }
  validation {
    condition     = var.budget == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget.billing_account has the form 012345-6789AB-CDEF01."
  }
  validation {
    condition     = var.budget == null ? true : can(regex("^[1-9][0-9]{0,8}$", var.budget.monthly)) && can(regex("^[A-Z]{3}$", lookup(var.budget, "currency", "EUR")))
    error_message = "budget.monthly is a whole number of at least 1, in a currency of three capital letters."
  }
}

variable "telegram" {
  description = "The moderators' chat (chat_id), whose bot posts what is to be moderated. None by default; its secrets need a value first."
  type        = map(number)
  default     = null

  validation {
    condition     = var.telegram == null ? true : length(setsubtract(keys(var.telegram), ["chat_id"])) == 0
    error_message = "telegram has chat_id, and nothing else."
  }
  validation {
    condition     = var.telegram == null ? true : try(floor(var.telegram.chat_id) == var.telegram.chat_id && var.telegram.chat_id != 0, false)
    error_message = "telegram.chat_id is the whole number of a chat; that of a group is negative."
  }
}

variable "push_services" {
  description = "Push services besides FCM that are sent to directly, of those in push_services.tf. Their secrets need a value first."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.push_services : contains(keys(local.push_services), name)])
    error_message = "push_services are ${join(" and ", keys(local.push_services))}; FCM is always there."
  }
}

variable "web_risk" {
  description = "Whether links are looked up in Google's Web Risk, which is paid for by the look-up."
  type        = bool
  default     = false
  nullable    = false
}

variable "keyed_logs" {
  description = "Whether hwids are hashed in logs with the key in the secret log-key, so that one device has one hash everywhere. It needs a value first; without it each process makes up a key."
  type        = bool
  default     = false
  nullable    = false
}

variable "archive" {
  description = "Where finished notifications are archived (to): gs://BUCKET/FOLDER, or s3://BUCKET/FOLDER with the bucket's region; kms_key is the ARN of the key that signs; retention_days (365) is for a bucket with Object Lock and no rule of its own. Nowhere by default."
  type        = map(string)
  default     = null

  validation {
    condition     = var.archive == null ? true : length(setsubtract(keys(var.archive), ["to", "region", "kms_key", "retention_days"])) == 0
    error_message = "archive has to, region, kms_key and retention_days, and nothing else."
  }
  validation {
    condition     = var.archive == null ? true : can(regex("^(gs|s3)://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[A-Za-z0-9._=-]+)*/?$", var.archive.to))
    error_message = "archive.to is gs://BUCKET/FOLDER or s3://BUCKET/FOLDER: not an ARN and not an https address."
  }
  validation {
    condition     = var.archive == null ? true : try(startswith(var.archive.to, "s3://"), false) == can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.archive.region))
    error_message = "archive.region is a region of AWS, such as eu-west-1, for s3:// and for nothing else."
  }
  validation {
    condition     = try(var.archive.kms_key, null) == null ? true : can(regex("^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.archive.kms_key))
    error_message = "archive.kms_key is the ARN of a key in AWS: arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
  validation {
    condition     = try(var.archive.kms_key, null) == null ? true : try(split(":", var.archive.kms_key)[3] == var.archive.region, false)
    error_message = "archive.kms_key signs what is in s3:// only, and is a key in the region of the bucket."
  }
  validation {
    condition     = var.archive == null ? true : can(regex("^[1-9][0-9]{0,4}$", try(coalesce(var.archive.retention_days), "365")))
    error_message = "archive.retention_days is a whole number of days, at least 1."
  }
}
