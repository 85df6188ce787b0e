//! What problems are called, and say, in Korean. A `code` is the same in every language.

/// The title and the detail of a code.
pub(super) fn korean(code: &str) -> Option<(&'static str, &'static str)> {
    Some(match code {
        "account_disabled" => ("사용할 수 없는 계정", "운영자가 사용을 막은 계정입니다"),
        "already_paid" => ("이미 결제됨", "이미 결제된 예약입니다"),
        "ambiguous_date" => ("회차를 정할 수 없음", "그 날짜에는 공연이 여러 번 있습니다"),
        "charging_closed" => ("충전할 수 없음", "여기서는 이 방법으로 충전할 수 없습니다"),
        "concert_required" => ("공연 필요", "토큰에 공연이 없으니 경로에 공연을 적어 주세요"),
        "email_taken" => ("이미 가입된 이메일", "이미 사용 중인 이메일입니다"),
        "forbidden" => ("권한 없음", "운영자만 할 수 있습니다"),
        "headers_too_large" => ("헤더가 너무 큼", "요청의 헤더가 너무 깁니다"),
        "hold_expired" => ("선점 시간 초과", "좌석 선점 시간이 지났습니다"),
        "idempotency_key_reused" => {
            ("멱등키 재사용", "이 멱등키는 다른 요청에 이미 사용되었습니다")
        }
        "insufficient_balance" => ("잔액 부족", "캐시 잔액이 부족합니다"),
        "invalid_amount" => ("잘못된 금액", "허용 범위를 벗어난 금액입니다"),
        "invalid_concert" => ("없는 공연", "그런 공연이 없습니다"),
        "invalid_credentials" => ("로그인 실패", "이메일 또는 비밀번호가 맞지 않습니다"),
        "invalid_date" | "invalid_datetime" => ("없는 날짜", "그 날짜에는 공연이 없습니다"),
        "invalid_request" => ("잘못된 요청", "요청의 형식이 올바르지 않습니다"),
        "invalid_reset" => {
            ("유효하지 않은 재설정 링크", "이미 사용되었거나 기한이 지난 링크입니다")
        }
        "invalid_seat" => ("없는 좌석", "그 회차에 그런 좌석이 없습니다"),
        "invalid_show" => ("없는 회차", "그런 회차가 없습니다"),
        "invalid_signature" => ("잘못된 서명", "결제사의 서명이 아니거나 너무 오래되었습니다"),
        "invalid_token" => ("유효하지 않은 토큰", "유효한 토큰이 필요합니다"),
        "invalid_user" => ("없는 사용자", "더 이상 존재하지 않는 사용자입니다"),
        "method_not_allowed" => ("허용되지 않는 메서드", "이 경로에서는 쓸 수 없는 메서드입니다"),
        "not_admitted" => ("입장 전", "아직 대기 중인 토큰입니다"),
        "not_found" => ("찾을 수 없음", "여기에는 그런 것이 없습니다"),
        "not_held" => ("선점 상태 아님", "선점 중인 예약이 아닙니다"),
        "not_on_sale" => ("판매 중 아님", "지금 판매하지 않는 회차입니다"),
        "not_pending" => ("확인 중 아님", "이미 처리된 결제입니다"),
        "not_refundable" => ("환불 불가", "환불할 수 없는 결제입니다"),
        "notice_replayed" => ("중복 통지", "이미 받은 통지입니다"),
        "outcome_unknown" => (
            "결과 불명",
            "처리되었는지 알 수 없습니다. 같은 Idempotency-Key로 다시 요청하거나, 다시 하기 전에 \
             확인해 주세요",
        ),
        "overloaded" => {
            ("요청이 몰림", "지금은 요청이 너무 많이 몰려 있습니다. 다시 시도해 주세요")
        }
        "payload_too_large" => ("본문이 너무 큼", "본문은 최대 65536바이트입니다"),
        "payment_failed" => ("결제 실패", "결제사가 결제를 거절했습니다"),
        "request_timeout" => ("시간 초과", "본문이 제때 도착하지 않았습니다"),
        "chosen_too_often" => (
            "너무 자주 고름",
            "조금 전에 여러 좌석을 놓아주었습니다. 잠시 후 다시 고를 수 있습니다",
        ),
        "seat_already_reserved" => ("이미 예약된 좌석", "이미 선점되었거나 판매된 좌석이 있습니다"),
        "seat_let_go" => ("방금 놓아준 좌석", "방금 놓아준 좌석은 잠시 동안 다른 분의 차례입니다"),
        "seat_limit_exceeded" => ("좌석 수 초과", "허용된 좌석 수를 넘었습니다"),
        "show_exists" => ("이미 있는 회차", "그 시각에 시작하는 회차가 이미 있습니다"),
        "token_exists" => ("이미 있는 토큰", "이 대기실의 토큰이 이미 있습니다"),
        "token_expired" => ("만료된 토큰", "이미 사용했거나 만료된 토큰입니다"),
        "too_many_requests" => ("요청이 너무 많음", "잠시 후 다시 시도해 주세요"),
        "too_many_top_ups" => (
            "확인 중인 충전이 많음",
            "확인을 기다리는 충전이 너무 많습니다. 잠시 후 다시 시도해 주세요",
        ),
        "top_up_failed" => ("충전 실패", "결제사가 충전을 거절했거나 제때 답하지 않았습니다"),
        "unavailable" => ("일시적으로 사용할 수 없음", "지금은 할 수 없습니다. 다시 시도해 주세요"),
        "work_required" => ("작업 필요", "입장 전에 작업을 먼저 마쳐야 합니다"),
        "wrong_room" => ("다른 대기실", "다른 대기실의 토큰입니다"),
        _ => return None,
    })
}
