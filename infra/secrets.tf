# Where secrets are kept. Their values never pass through Terraform, so they are in no plan and in no
# state: docs/deploy.md says how they are put in and replaced. Which function is given which: uses.tf.

locals {
  secrets = toset(concat(["telegram-bot-token", "telegram-webhook-secret", "log-key"], values(local.push_services)[*].secret))
}

resource "google_secret_manager_secret" "kept" {
  for_each = local.secrets

  project             = google_firestore_database.default.project
  secret_id           = each.value
  deletion_protection = var.protect

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}
