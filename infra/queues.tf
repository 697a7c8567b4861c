# The queues between planning and sending, and the clock.
#
# Tasks bring their own OIDC token, for exactly the function they call: an http_target on the queue
# would override it. A task that runs out of attempts is deleted without a word; tick finds what it
# was for and enqueues it again.

locals {
  usual_rates = { urgent = 2, normal = 6, bulk = 10 }
  rates       = merge(local.usual_rates, var.batches_per_second)

  queues = {
    plan        = { per_second = 20, at_once = local.at_once.plan }
    send-urgent = { per_second = local.rates.urgent, at_once = local.at_once.urgent }
    send-normal = { per_second = local.rates.normal, at_once = local.at_once.normal }
    send-bulk   = { per_second = local.rates.bulk, at_once = local.at_once.bulk }
    export      = { per_second = 1, at_once = local.at_once.export }
  }

  enqueuers = merge([
    for name, door in local.doors : { for queue in door.queues : "${name} ${queue}" => { door = name, queue = queue } }
  ]...)
}

resource "google_cloud_tasks_queue" "work" {
  for_each = local.queues

  project         = google_firestore_database.default.project
  location        = var.region
  name            = each.key
  deletion_policy = local.keep # the name of a deleted queue cannot be used for days

  rate_limits {
    max_dispatches_per_second = each.value.per_second
    max_concurrent_dispatches = each.value.at_once
  }

  retry_config {
    max_attempts       = 20
    max_retry_duration = "3600s"
    min_backoff        = "2s"
    max_backoff        = "300s"
    max_doublings      = 7
  }

  stackdriver_logging_config {
    sampling_ratio = 0.01
  }
}

resource "google_cloud_tasks_queue_iam_member" "enqueuer" {
  for_each = local.enqueuers

  project  = var.project
  location = var.region
  name     = google_cloud_tasks_queue.work[each.value.queue].name
  role     = "roles/cloudtasks.enqueuer"
  member   = module.function[each.value.door].member
}

# Whoever enqueues names the account that the task is to call as, and must be allowed to.
resource "google_service_account_iam_member" "enqueues_as_tasks" {
  for_each = toset([for name, door in local.doors : name if length(door.queues) > 0])

  service_account_id = "projects/${var.project}/serviceAccounts/${google_service_account.caller["tasks"].email}"
  role               = "roles/iam.serviceAccountUser"
  member             = module.function[each.value].member
}

resource "google_cloud_scheduler_job" "tick" {
  project          = var.project
  region           = var.region
  name             = "tick"
  description      = "Finds what got stuck, and sets it going again."
  schedule         = "* * * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "180s" # outlives the function's own timeout

  # The next minute comes anyway.
  retry_config {
    retry_count = 0
  }

  http_target {
    http_method = "POST"
    uri         = local.addresses["tick"]
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode("{}")

    oidc_token {
      service_account_email = google_service_account.caller["scheduler"].email
      audience              = local.addresses["tick"]
    }
  }

  depends_on = [module.function]
}
