# The functions' source, and what turns it into containers.

resource "google_storage_bucket" "source" {
  # checkov:skip=CKV_GCP_62:Who reads the source is in the audit logs; it holds no data of anybody.
  project                     = google_firestore_database.default.project
  name                        = "${var.project}-fanfare-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.protect

  versioning {
    enabled = true
  }

  lifecycle_rule {
    condition {
      days_since_noncurrent_time = 90
    }
    action {
      type = "Delete"
    }
  }
}

# Its name is its content: another archive is another object, and every function is deployed anew.
resource "google_storage_bucket_object" "bundle" {
  bucket = google_storage_bucket.source.name
  name   = "fanfare-${filesha256(var.bundle)}.zip"
  source = var.bundle
}

resource "google_artifact_registry_repository" "functions" {
  # checkov:skip=CKV_GCP_84:Images are built from public sources and ours; Google's key is enough for them.
  project                = google_firestore_database.default.project
  location               = var.region
  repository_id          = "fanfare-functions"
  description            = "The functions' images; the newest few of each are kept."
  format                 = "DOCKER"
  cleanup_policy_dry_run = false

  cleanup_policies {
    id     = "keep-newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = 3
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "2592000s"
    }
  }
}

resource "google_service_account" "build" {
  project      = google_firestore_database.default.project
  account_id   = "fanfare-build"
  display_name = "Builds the functions' images"
}

resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

# Cloud Functions copies the source into a bucket of its own before it builds, so the right to read
# cannot be given on our bucket alone.
resource "google_project_iam_member" "build_reads" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member
}

resource "google_artifact_registry_repository_iam_member" "build_writes" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.functions.repository_id
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}
