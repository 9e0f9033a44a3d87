"""Chinese words, sentence patterns and needle forms of the needle grammar; data only.

A pattern's `{slot}` names an entry of WORDS. `{number}` stands for a whole number below 1,000, so that digits alone
never give a needle away. A name is 小 and one character that no other word of this file uses.
"""

from __future__ import annotations

__all__ = ["FORMS", "JOINER", "NAMES", "PATTERNS", "PROMPT", "WORDS"]

WORDS = {
    "person": "木匠 渔夫 老师 医生 农民 画家 园丁 水手 裁缝 歌手 作家 邮差 牧人 铁匠 厨师 商人 学生 邻居 旅人 司机",
    "group": "孩子们 村民们 工人们 学生们 游客们 水手们 商人们 邻居们",
    "trait": "安静的 耐心的 快乐的 年轻的 聪明的 细心的 勇敢的 好奇的 热情的 认真的",
    "quality": "木头的 小小的 沉重的 破旧的 崭新的 古老的 明亮的 金色的 空空的 漂亮的 高大的 简单的",
    "thing": "大门 桌子 椅子 灯笼 篮子 瓶子 毯子 梯子 窗户 钟表 地图 镜子 小船 书架 箱子 雨伞 石桥 高塔 屋顶 水车",
    "place": """在河边 在市场里 在港口旁 在森林边上 在花园里 在山坡上 在旧桥下
        在学校旁边 在山谷里 在车站前 在湖边 在厨房里""",
    "time": "下雨之前 清早 午饭以后 深夜 中午 冬天 春天 日出之前 暴风雨过后 节日期间 回家的路上 夏天最后一天",
    "did": "修好了 搬走了 卖掉了 买下了 找到了 画下了 量过了 借走了 打开了 关上了 擦干净了 忘记了",
    "toward": "走向村子 走进树林 回到城里 穿过田野 沿着海岸走 翻过小山 走过石桥 绕过小岛",
    "animal": "小狗 花猫 白马 山羊 狐狸 乌鸦 天鹅 兔子 松鼠 麻雀",
    "act": "睡着了 等了很久 坐着不动 四处张望 寻找食物 喝了些水 听着风声 独自玩耍",
    "weather": "大风 细雨 大雪 浓雾 阳光 寒霜",
    "food": "面包 热汤 蜂蜜 苹果 鲜鱼 米饭 豆子 茶水",
}

PATTERNS = (
    "{trait}{person}{time}{did}{quality}{thing}。",
    "{person}{place}{did}{thing}。",
    "{group}{time}{toward}。",
    "{animal}{place}{act}。",
    "{time}，{weather}来了，{group}都留{place}。",
    "{person}请{group}吃{food}和{food}。",
    "没有人知道{person}为什么{did}{thing}。",
    "{quality}{thing}放{place}，{person}{time}才看见。",
    "{trait}{person}和{trait}{person}{toward}。",
    "{person}{place}数到{number}个{thing}。",
)

NAMES = """芳 刚 娟 强 丽 军 敏 伟 艳 杰 涛 超 霞 平 莉 鹏 红 玲 辉 慧 斌 倩 波 洁 宁 琳 凯 颖 晨 雯 宇 婷 欣 怡 佳
    磊 娜 洋 兰 健 梅 龙 莹 飞 琴 峰 燕 华 芬 斐 蓉 彤 翰 璐 峻 韵 嘉 诺 萱 凡 妍 博 蕾 轩 珊"""

FORMS = (
    ("小{name}的门禁密码是{value}。", "小{name}的门禁密码是什么？", "小{name}的门禁密码是{value}。"),
    ("请记住，小{name}的柜子编号为{value}。", "小{name}的柜子编号为多少？", "小{name}的柜子编号为{value}。"),
    ("寄给小{name}的包裹贴着标签{value}。", "寄给小{name}的包裹贴着什么标签？", "寄给小{name}的包裹贴着标签{value}。"),
)

JOINER = ""

PROMPT = "阅读下面的文字，用一句话回答问题。\n\n{context}\n\n问题：{question}"
