# One function: the code it runs, the account it runs under, and who may call it.

resource "google_service_account" "runtime" {
  project      = var.project
  account_id   = "fn-${var.name}"
  display_name = "The function ${var.name}"
}

resource "google_project_iam_member" "role" {
  for_each = toset(var.roles)

  project = var.project
  role    = each.value
  member  = google_service_account.runtime.member
}

resource "google_service_account_iam_member" "signs_as_itself" {
  count = var.signs_tokens == null ? 0 : 1

  service_account_id = "projects/${var.project}/serviceAccounts/${google_service_account.runtime.email}"
  role               = var.signs_tokens
  member             = google_service_account.runtime.member
}

resource "google_secret_manager_secret_iam_member" "reads" {
  for_each = toset(values(var.secrets))

  project   = var.project
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.runtime.member
}

resource "google_cloudfunctions2_function" "this" {
  # checkov:skip=CKV_GCP_124:Public functions are called from the internet, check ID tokens themselves and are listed in tests/infra/test_policies.py; all others take internal calls only.
  project  = var.project
  location = var.region
  name     = var.name

  build_config {
    runtime           = "python311"
    entry_point       = replace(var.name, "-", "_")
    service_account   = var.build_account
    docker_repository = var.repository

    source {
      storage_source {
        bucket = var.source_archive.bucket
        object = var.source_archive.object
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.runtime.email
    ingress_settings                 = var.caller == null ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
    available_cpu                    = "1" # less would allow one call at a time only
    available_memory                 = var.memory
    timeout_seconds                  = var.timeout_seconds
    max_instance_request_concurrency = var.concurrency
    min_instance_count               = var.instances.least
    max_instance_count               = var.instances.most

    # The server has as many threads as the platform sends calls at a time.
    environment_variables = merge(var.environment, { THREADS = tostring(var.concurrency) })

    dynamic "secret_environment_variables" {
      for_each = var.secrets
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value
        version    = "latest"
      }
    }
  }

  dynamic "event_trigger" {
    for_each = var.document_written == null ? [] : [var.document_written]
    content {
      event_type            = "google.cloud.firestore.document.v1.written"
      trigger_region        = event_trigger.value.database_location
      service_account_email = var.caller
      retry_policy          = "RETRY_POLICY_RETRY"

      event_filters {
        attribute = "database"
        value     = event_trigger.value.database
      }
      event_filters {
        attribute = "document"
        value     = "${event_trigger.value.collection}/{id}"
        operator  = "match-path-pattern" # without it the function deploys and is never called
      }
    }
  }

  depends_on = [google_project_iam_member.role, google_secret_manager_secret_iam_member.reads]
}

# Who is named here may call, and nobody else: a binding takes the right from all others.
resource "google_cloud_run_service_iam_binding" "invoker" {
  # checkov:skip=CKV_GCP_102:Public functions check ID tokens themselves; which ones are public is listed in tests/infra/test_policies.py.
  count = var.checks_invokers ? 1 : 0

  project  = var.project
  location = var.region
  service  = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  members  = [var.caller == null ? "allUsers" : "serviceAccount:${var.caller}"]

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.this.id]
  }
}

# Where an organisation forbids allUsers, Cloud Run is told to ask IAM nothing. The API of Cloud
# Functions has no such field, so the service below the function is told, by gcloud, and again after
# each change: that API owns the service, and what it keeps of others' settings is nowhere promised.
resource "terraform_data" "no_invoker_check" {
  count = var.checks_invokers ? 0 : 1

  provisioner "local-exec" {
    command = "gcloud run services update ${google_cloudfunctions2_function.this.name} --project=${var.project} --region=${var.region} --no-invoker-iam-check --quiet"
  }

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.this]
  }
}
