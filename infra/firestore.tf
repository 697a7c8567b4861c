# The database, and what Firestore must know about it: indexes, rules, backups.
#
# A project has one database named (default). It is created before everything else, so that a second
# Fanfare in the same project stops here, before it has touched anything of the first.

locals {
  declared = jsondecode(file("${path.module}/../firestore.indexes.json"))

  indexes = {
    for index in local.declared.indexes :
    join(" ", concat(
      [index.collectionGroup],
      [for field in index.fields : "${field.fieldPath}:${lower(try(field.order, field.arrayConfig))}"],
    )) => index
  }
  fields = {
    for field in local.declared.fieldOverrides : "${field.collectionGroup} ${field.fieldPath}" => field
  }

  backups = var.protect ? {
    daily  = { kept_days = 14 }
    weekly = { kept_days = 98, day = "SUNDAY" }
  } : {}
}

resource "google_firestore_database" "default" {
  project                           = var.project
  name                              = "(default)"
  location_id                       = var.database_location
  type                              = "FIRESTORE_NATIVE"
  point_in_time_recovery_enablement = var.protect ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  delete_protection_state           = var.protect ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = local.keep

  depends_on = [google_project_service.api]
}

resource "google_firestore_index" "composite" {
  for_each = local.indexes

  project     = var.project
  database    = google_firestore_database.default.name
  collection  = each.value.collectionGroup
  query_scope = each.value.queryScope

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path   = fields.value.fieldPath
      order        = try(fields.value.order, null)
      array_config = try(fields.value.arrayConfig, null)
    }
  }
}

# One resource for everything that is said about a field: an empty index_config takes away the
# indexes that Firestore would keep by itself.
resource "google_firestore_field" "override" {
  for_each = local.fields

  project    = var.project
  database   = google_firestore_database.default.name
  collection = each.value.collectionGroup
  field      = each.value.fieldPath

  index_config {
    dynamic "indexes" {
      for_each = each.value.indexes
      content {
        order        = try(indexes.value.order, null)
        array_config = try(indexes.value.arrayConfig, null)
        query_scope  = indexes.value.queryScope
      }
    }
  }

  dynamic "ttl_config" {
    for_each = try(each.value.ttl, false) ? [true] : []
    content {}
  }
}

resource "google_firebaserules_ruleset" "firestore" {
  project = google_firestore_database.default.project

  source {
    files {
      name    = "firestore.rules"
      content = file("${path.module}/../firestore.rules")
    }
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_firebase_project.this]
}

# New rules take the place of the old ones. For the moment in between clients are refused, never
# let in: without a release Firestore denies everything.
resource "google_firebaserules_release" "firestore" {
  project      = var.project
  name         = "cloud.firestore"
  ruleset_name = "projects/${var.project}/rulesets/${google_firebaserules_ruleset.firestore.name}"

  lifecycle {
    replace_triggered_by = [google_firebaserules_ruleset.firestore]
  }
}

resource "google_firestore_backup_schedule" "kept" {
  for_each = local.backups

  project         = var.project
  database        = google_firestore_database.default.name
  retention       = "${each.value.kept_days * 86400}s"
  deletion_policy = "DELETE"

  dynamic "daily_recurrence" {
    for_each = each.key == "daily" ? [true] : []
    content {}
  }
  dynamic "weekly_recurrence" {
    for_each = each.key == "weekly" ? [each.value.day] : []
    content {
      day = weekly_recurrence.value
    }
  }
}
