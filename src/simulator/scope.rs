//! The permissions that an app may lack, by the scope that DingTalk's console shows.

/// The details of a member.
pub(super) const MEMBER: &str = "qyapi_get_member";
/// Who has a mobile number.
pub(super) const MEMBER_BY_MOBILE: &str = "qyapi_get_member_by_mobile";
/// The members of a department.
pub(super) const DEPARTMENT_MEMBERS: &str = "qyapi_get_department_member";
/// Departments.
pub(super) const DEPARTMENTS: &str = "qyapi_get_department_list";
/// Search by name.
pub(super) const SEARCH: &str = "qyapi_addresslist_search";
/// 企业员工手机号信息: the mobile number among the details.
pub(super) const FIELD_MOBILE: &str = "fieldMobile";
/// 邮箱等个人信息: e-mail, work place, remark and the company's own fields among the details.
pub(super) const FIELD_EMAIL: &str = "fieldEmail";
/// Nick, picture and unionid of whoever signed in by `OAuth2`.
pub(super) const CONTACT_USER: &str = "Contact.User.Read";
/// Their mobile number.
pub(super) const CONTACT_MOBILE: &str = "Contact.User.mobile";

/// All of them, for the one who switches them.
pub(super) const ALL: [&str; 9] = [
    MEMBER,
    MEMBER_BY_MOBILE,
    DEPARTMENT_MEMBERS,
    DEPARTMENTS,
    SEARCH,
    FIELD_MOBILE,
    FIELD_EMAIL,
    CONTACT_USER,
    CONTACT_MOBILE,
];
