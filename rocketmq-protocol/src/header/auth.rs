//! Users and permissions (5.3.0).

use super::EmptyHeader;
use crate::Text;

super::headers! {
    /// Adds the user in the body (`CreateUserRequestHeader.java`).
    CreateUserRequestHeader: AUTH_CREATE_USER -> EmptyHeader [SUCCESS] {
        username: Option<Text> = "username",
    }

    /// Changes a user to what the body says (`UpdateUserRequestHeader.java`).
    UpdateUserRequestHeader: AUTH_UPDATE_USER -> EmptyHeader [SUCCESS] {
        username: Option<Text> = "username",
    }

    /// Removes a user (`DeleteUserRequestHeader.java`).
    DeleteUserRequestHeader: AUTH_DELETE_USER -> EmptyHeader [SUCCESS] {
        username: Option<Text> = "username",
    }

    /// Reads a user, with the password; no body if there is none (`GetUserRequestHeader.java`).
    GetUserRequestHeader: AUTH_GET_USER -> EmptyHeader [SUCCESS] {
        username: Option<Text> = "username",
    }

    /// Lists users, with their passwords (`ListUsersRequestHeader.java`).
    ListUsersRequestHeader: AUTH_LIST_USER -> EmptyHeader [SUCCESS] {
        /// Part of the name.
        filter: Option<Text> = "filter",
    }

    /// Adds the permissions in the body (`CreateAclRequestHeader.java`).
    CreateAclRequestHeader: AUTH_CREATE_ACL -> EmptyHeader [SUCCESS] {
        /// `User:name`.
        subject: Option<Text> = "subject",
    }

    /// Changes permissions to what the body says (`UpdateAclRequestHeader.java`).
    UpdateAclRequestHeader: AUTH_UPDATE_ACL -> EmptyHeader [SUCCESS] {
        /// `User:name`.
        subject: Option<Text> = "subject",
    }

    /// Removes permissions (`DeleteAclRequestHeader.java`).
    DeleteAclRequestHeader: AUTH_DELETE_ACL -> EmptyHeader [SUCCESS] {
        /// `User:name`.
        subject: Option<Text> = "subject",
        /// `Custom` or `Default`; both if absent.
        policy_type: Option<Text> = "policyType",
        /// `Topic:name`, `Group:name`, …; all if absent.
        resource: Option<Text> = "resource",
    }

    /// Reads permissions; no body if there are none (`GetAclRequestHeader.java`).
    GetAclRequestHeader: AUTH_GET_ACL -> EmptyHeader [SUCCESS] {
        /// `User:name`.
        subject: Option<Text> = "subject",
    }

    /// Lists permissions (`ListAclsRequestHeader.java`).
    ListAclsRequestHeader: AUTH_LIST_ACL -> EmptyHeader [SUCCESS] {
        subject_filter: Option<Text> = "subjectFilter",
        resource_filter: Option<Text> = "resourceFilter",
    }
}
