# The doors: every deployed function, who may call it, and what it may do.
#
# A function's entry point in functions/main.py is its name with underscores.

locals {
  batch_size      = 500
  handler_seconds = 480 # when a task handler hands over to a new task
  lease_seconds   = 90  # how long a sender owns a batch without writing

  queue_names = ["plan", "send-urgent", "send-normal", "send-bulk"]
  database    = { reads = "roles/datastore.viewer", writes = "roles/datastore.user" }

  # Where Cloud Run answers for a function, known before there is one. Calls to it from inside Google
  # Cloud are internal ones, and the tokens of tasks and of the clock name it as their audience.
  functions_url = "https://{function}-${google_firebase_project.this.project_number}.${var.region}.run.app"
  gateway       = "${var.region}-${var.project}.cloudfunctions.net"
  addresses     = { for name in keys(local.doors) : name => replace(local.functions_url, "{function}", name) }

  door_defaults = {
    caller      = "everyone" # or tasks, events, scheduler
    collection  = null       # whose written documents call it
    database    = "writes"
    queues      = []
    narrow      = [] # of local.narrow_roles, in the project
    signs       = false
    uses        = [] # of local.uses: what it is told if that is set up; of push services it is those that say so
    timeout     = 60
    concurrency = 16
    most        = 20
    memory      = "512Mi"
  }

  doors = {
    for name, door in local.door_table : name => merge(local.door_defaults, door, {
      uses = concat(try(door.uses, []), [for service, it in local.push_services : service if contains(it.read_by, name)])
    })
  }
  door_table = {
    provider-api         = { queues = ["send-urgent"], narrow = ["fanfareSender", "fanfareAccountReader"], uses = ["threats", "keyed_logs"] }
    device-api           = { signs = true, concurrency = 32, most = 40, uses = ["keyed_logs"] }
    operator-api         = { narrow = ["fanfareAccountKeeper"], most = 5, uses = ["keyed_logs"] }
    moderation-queue     = { database = "reads", narrow = ["fanfareAccountReader"], most = 5 }
    moderation-stats     = { database = "reads", narrow = ["fanfareAccountReader"], most = 5 }
    claim-notification   = { narrow = ["fanfareAccountReader"], most = 5 }
    release-notification = { narrow = ["fanfareAccountReader"], most = 5 }
    approve-notification = { narrow = ["fanfareAccountReader"], most = 5 }
    reject-notification  = { narrow = ["fanfareAccountReader"], most = 5 }
    telegram-webhook     = { narrow = ["fanfareAccountReader"], most = 5, uses = ["telegram", "telegram_webhook"] }

    on-notification-written = {
      caller     = "events"
      collection = "pendingNotifications"
      queues     = ["plan", "send-urgent"]
      uses       = ["telegram"]
    }
    on-device-written = {
      caller      = "events"
      collection  = "devices"
      uses        = ["keyed_logs"]
      concurrency = 32
      most        = 40
    }

    plan-fanout = {
      caller      = "tasks"
      queues      = local.queue_names
      uses        = ["threats", "keyed_logs"]
      timeout     = local.handler_seconds + 30
      concurrency = 4
    }
    send-batch = {
      caller      = "tasks"
      queues      = ["send-urgent", "send-normal", "send-bulk"]
      narrow      = ["fanfareSender"]
      uses        = ["keyed_logs"]
      timeout     = local.handler_seconds + 30
      concurrency = 4
      most        = 40
      memory      = "1Gi"
    }
    export-events = {
      caller      = "tasks"
      queues      = ["export"]
      uses        = ["archive"]
      timeout     = local.handler_seconds + 30
      concurrency = 1
      most        = 4
    }
    tick = {
      caller      = "scheduler"
      queues      = concat(local.queue_names, ["export"])
      uses        = ["telegram", "archive"]
      timeout     = 150
      concurrency = 1
      most        = 2
    }
  }

  public  = [for name, door in local.doors : name if door.caller == "everyone"]
  private = [for name, door in local.doors : name if door.caller != "everyone"]

  settings = {
    GOOGLE_CLOUD_PROJECT      = var.project
    FANFARE_REGION            = var.region
    FANFARE_FUNCTIONS_URL     = local.functions_url
    FANFARE_TASKS_ACCOUNT     = google_service_account.caller["tasks"].email
    FANFARE_EVENTS_ACCOUNT    = google_service_account.caller["events"].email
    FANFARE_SCHEDULER_ACCOUNT = google_service_account.caller["scheduler"].email
    FANFARE_HANDLER_SECONDS   = tostring(local.handler_seconds)
    FANFARE_LEASE_SECONDS     = tostring(local.lease_seconds)
  }
}

module "function" {
  source   = "./modules/function"
  for_each = local.doors

  name            = each.key
  project         = google_firestore_database.default.project
  region          = var.region
  source_archive  = { bucket = google_storage_bucket.source.name, object = google_storage_bucket_object.bundle.name }
  build_account   = google_service_account.build.name
  repository      = google_artifact_registry_repository.functions.id
  caller          = each.value.caller == "everyone" ? null : google_service_account.caller[each.value.caller].email
  checks_invokers = each.value.caller != "everyone" || var.public_access == "allUsers"
  timeout_seconds = each.value.timeout
  concurrency     = each.value.concurrency
  memory          = each.value.memory
  instances       = { least = lookup(var.warm_instances, each.key, 0), most = local.instances[each.key] }
  signs_tokens    = each.value.signs ? local.narrow["fanfareTokenSigner"] : null

  roles = concat(
    [local.database[each.value.database]],
    [for role in each.value.narrow : local.narrow[role]],
  )

  # Cloud Run takes the signature off a token that it has checked itself. Only where it does check
  # may a function believe that: a public one with this setting would believe anybody.
  environment = merge(
    local.settings,
    each.value.caller == "everyone" ? local.asked_of_everyone : { FANFARE_IAM_CHECKS_TOKENS = "true" },
    [for use in each.value.uses : local.uses[use].settings]...
  )

  secrets = {
    for variable, secret in merge([for use in each.value.uses : local.uses[use].secrets]...) :
    variable => google_secret_manager_secret.kept[secret].secret_id
  }

  document_written = each.value.collection == null ? null : {
    collection        = each.value.collection
    database          = google_firestore_database.default.name
    database_location = google_firestore_database.default.location_id
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build_writes,
    google_project_iam_member.build_logs,
    google_project_iam_member.build_reads,
    google_project_iam_custom_role.narrow,
    google_project_iam_member.events_receiver,
  ]
}
